// A page is loaded anew while the server does what the panel asked for: its notification is there again, and says in the
// end what came of it.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './lab.mjs';

await run(async (tour, { notebook, folder }) => {
  const { page, found } = tour;
  const notice = text => page.locator('.Toastify__toast', { hasText: text });
  await tour.open();
  await tour.panel();
  await tour.execute('nbops:retrain-notebook', { notebook });
  await page.getByText('Runs at a time').waitFor();
  await page.getByRole('textbox', { name: /^n/ }).fill('1,2,3');
  await page.getByRole('button', { name: 'Start 3 runs' }).click();
  await notice('running').first().waitFor({ timeout: 60_000 });
  // JupyterLab saves its layout a moment after it changed.
  await page.waitForTimeout(2500);

  await tour.open();
  await notice('nbops retrain goes on').filter({ hasText: 'running' }).waitFor({ timeout: 60_000 });
  found.goes_on = await notice('nbops retrain goes on').innerText();
  await tour.shot('adopted');
  writeFileSync(join(folder, 'first-2'), '');
  writeFileSync(join(folder, 'first-3'), '');
  await notice('nbops retrain is done').waitFor({ timeout: 60_000 });
  found.done = (await notice('nbops retrain is done').innerText()).trim();
});
