// A sweep in the main area: what its runs reached, why one failed, its plots; and one that goes on, cancelled and resumed.

import { writeFileSync } from 'node:fs';
import { auditor } from './axe.mjs';
import { run } from './lab.mjs';

await run(async (tour, { gate }) => {
  const { page, found } = tour;
  const audit = auditor(tour);
  await tour.open();
  await tour.execute('nbops:open-panel', { section: 'sweeps' });
  const row = name => page.locator('[data-nbops-sweep]', { hasText: name });
  const document = page.locator('.nbops-Document:visible');

  // One that has ended, with a run that failed.
  await row('done').dblclick();
  await document.getByRole('heading', { name: 'done' }).waitFor();
  found.results = (await document.locator('tbody tr').allInnerTexts()).map(line =>
    line.split('\t').slice(0, 4)
  );
  await document.getByRole('button', { name: 'Output of done n=3' }).click();
  await document.locator('.nbops-Code.nbops-mod-error').waitFor();
  found.printed = await document.locator('.nbops-Output .nbops-Code').first().innerText();
  found.traceback = await document.locator('.nbops-Code.nbops-mod-error').innerText();
  await document.getByRole('button', { name: 'Draw' }).click();
  await document.locator('.nbops-Plot img').nth(2).waitFor({ timeout: 60_000 });
  found.plots = await document.locator('.nbops-Plot figcaption').allInnerTexts();
  await audit('sweep');
  await document.locator('.nbops-Plots').scrollIntoViewIfNeeded();
  await tour.shots('sweep-plots');
  await document.getByRole('button', { name: 'Promote Best…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Promote' }).click();
  await page.getByText('is now production').waitFor({ timeout: 30_000 });

  // One that goes on.
  await row('long').dblclick();
  await document.getByRole('heading', { name: 'long' }).waitFor();
  await document.getByRole('button', { name: 'Output of long n=2' }).first().click();
  await document.getByText('epoch 1 of 2').first().waitFor();
  found.cells = await document.locator('.nbops-RunningRow .nbops-Table-aside').innerText();
  await audit('sweep-running');
  await document.getByRole('button', { name: 'Cancel', exact: true }).click();
  await document.getByRole('button', { name: 'Resume' }).waitFor({ timeout: 30_000 });
  writeFileSync(gate, '');
  await document.getByRole('button', { name: 'Resume' }).click();
  await document.getByText('3 of 3 runs').waitFor({ timeout: 60_000 });
  found.resumed = await document.locator('.nbops-Head .nbops-StatusWord').innerText();
});
