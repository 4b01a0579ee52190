// Many runs are compared: the page says how many curves are drawn, and somebody chooses others; what takes long says so.

import { auditor } from './axe.mjs';
import { run } from './lab.mjs';

await run(async (tour, { runs }) => {
  const { page, found } = tour;
  const audit = auditor(tour);
  await tour.open();
  await tour.panel();
  const choice = page.locator('.nbops-CurveChoice');
  // Vega draws on a canvas, so it is looked at what it was given.
  const given = [];
  page.on('response', response => {
    const address = new URL(response.url());
    if (address.pathname.endsWith('/curves') && response.ok()) {
      given.push(address.searchParams.getAll('runs').length);
    }
  });
  const drawn = async count => {
    while (given.at(-1) !== count) {
      await page.waitForTimeout(50);
    }
    await page.locator('.nbops-Chart canvas').first().waitFor();
  };
  await tour.execute('nbops:compare-runs', { runs });
  await choice.waitFor();
  found.said = await choice.locator('summary').innerText();
  await drawn(8);
  await choice.locator('summary').focus();
  await page.keyboard.press('Enter');
  await audit('curves');
  await page.getByRole('button', { name: 'First 20' }).click();
  await drawn(20);
  found.all = await choice.locator('summary').innerText();
  found.full = await choice.innerText();
  found.can_add = await choice.locator('input:not(:checked)').first().isEnabled();
  await choice.locator('input').first().focus();
  await page.keyboard.press(' ');
  await drawn(19);
  found.one_less = await choice.locator('summary').innerText();
  await tour.shots('curves');
  await choice.getByRole('button', { name: 'None' }).click();
  await page.getByText('None of these runs has a metric').waitFor();
});
