// Without a mouse: runs tagged, reproduced, run again, drawn, deleted and restored; a model deployed and its endpoint
// stopped. Commands come from the palette and act on the row that somebody stands on.

import { run } from './lab.mjs';

await run(async (tour, args) => {
  const { page, found } = tour;
  const press = key => page.keyboard.press(key);
  const standsOn = selector => page.evaluate(selector => document.activeElement?.matches(selector), selector);
  const tabTo = async selector => {
    for (let step = 0; step < 80; step++) {
      if (await standsOn(selector)) {
        return;
      }
      await press('Tab');
    }
    throw new Error(`the Tab key does not lead to ${selector}`);
  };
  const palette = async text => {
    await press('ControlOrMeta+Shift+C');
    await page.locator('.jp-ModalCommandPalette input').waitFor();
    await page.keyboard.type(`nbops ${text}`);
    await page
      .locator('.jp-ModalCommandPalette .lm-mod-active', { hasText: new RegExp(text, 'i') })
      .waitFor();
    await press('Enter');
  };
  const search = async () => {
    await palette('search runs');
    await page.waitForFunction(() => document.activeElement?.matches('.nbops-Search'));
  };
  const told = text => page.locator('.Toastify__toast', { hasText: text }).waitFor({ timeout: 90_000 });
  const dialog = page.locator('.jp-Dialog');

  await tour.open();
  await tour.notebook(args.notebook);
  await tour.execute('notebook:run-all-cells');
  await press('ControlOrMeta+Alt+O');
  await tour.row('loss').waitFor({ timeout: 60_000 });

  await search();
  await tabTo('.nbops-Runs .nbops-List');
  await press('Home');
  await palette('tag run');
  await dialog.locator('input').waitFor();
  await page.waitForFunction(() => document.activeElement?.matches('.jp-Dialog input'));
  await page.keyboard.type('reviewed=yes');
  await press('Enter');
  await told('Tagged');

  await search();
  await tabTo('.nbops-Runs .nbops-List');
  await press('Home');
  await palette('reproduce run');
  await told(/came out|different/);
  found.reproduced = await page.locator('.Toastify__toast', { hasText: /came out|different/ }).innerText();

  const count = async () => Number((await page.locator('.nbops-Count').innerText()).replace(/\D/g, ''));
  const before = await count();
  await search();
  await page.keyboard.type('tags.reviewed = yes');
  await page.waitForFunction(() => document.querySelector('.nbops-Count').innerText === '1 run');
  await tabTo('.nbops-Runs .nbops-List');
  await press('Home');
  await palette('run again');
  await told('finished');
  await palette('draw plots');
  await told('Drawn');
  await search();
  await tabTo('.nbops-Runs .nbops-List');
  await press('Enter');
  await page.locator('.nbops-Document img').first().waitFor({ timeout: 30_000 });
  found.tagged = await page.locator('.nbops-Document .nbops-Head').innerText();
  found.plots = await page.locator('.nbops-Document img').count();
  await tour.shot('keyboard-run');

  await search();
  await press('Escape');
  await page.waitForFunction(
    before => Number(document.querySelector('.nbops-Count').innerText.replace(/\D/g, '')) > before,
    before
  );
  await tabTo('.nbops-Runs .nbops-List');
  await press('Home');
  const all = await count();
  await press('Delete');
  await dialog.getByRole('button', { name: 'Delete' }).waitFor();
  await press('Enter');
  await page.waitForFunction(
    all => Number(document.querySelector('.nbops-Count').innerText.replace(/\D/g, '')) === all - 1,
    all
  );

  // A model to an endpoint, and the endpoint to its end.
  await tabTo('[aria-controls="nbops-section-models"]');
  await press('Enter');
  await tabTo('.nbops-Section[id="nbops-section-models"] .nbops-List');
  await press('Home');
  await palette('deploy model');
  await dialog.locator('select').waitFor();
  await tabTo('.jp-Dialog select');
  await page.keyboard.type('Process');
  await tour.shot('keyboard-deploy');
  await press('Enter');
  await told('answers at');
  await tour.execute('nbops:open-panel', { section: 'endpoints' });
  await page.locator('[data-nbops-endpoint="churn"]').waitFor();
  await tabTo('.nbops-Section[id="nbops-section-endpoints"] .nbops-List');
  await press('Home');
  await press('Enter');
  await page.getByRole('heading', { name: 'churn' }).waitFor();
  await tour.shot('keyboard-endpoint');
  await palette('stop endpoint');
  await dialog.getByRole('button', { name: 'Stop' }).waitFor();
  await press('Enter');
  await told('is stopped');
});
