// The list of runs in a live notebook: sorted, searched, paged and compared where it stands, and static again when the
// kernel is gone. Nothing of it is in the notebook's file.

import { axeOn } from './axe.mjs';
import { run } from './lab.mjs';

await run(async (tour, args) => {
  const { page, found } = tour;
  await tour.open();
  await tour.notebook(args.notebook);
  await tour.execute('notebook:run-all-cells');
  const live = page.locator('.nbops-live');
  await live.locator('table').first().waitFor({ timeout: 60_000 });
  const rows = live.locator('tr[data-run]');
  const status = text => live.locator('[role=status]', { hasText: text }).waitFor();
  await status('1–50 of 121 runs');
  found.first = await rows.count();
  found.static_is_hidden = await page.locator('[data-nbops-layer] > .nbops').first().isHidden();
  await tour.shot('widget-runs');
  found.violations = await axeOn(tour, '.nbops-live');

  await live.getByRole('button', { name: 'Last page' }).click();
  await status('101–121 of 121 runs');
  found.last = await rows.count();

  await live.getByRole('button', { name: 'score' }).focus();
  await page.keyboard.press('Enter');
  await status('1–50 of 121 runs');
  await live.getByRole('columnheader', { name: 'score ▼' }).waitFor();
  found.best = await rows.first().locator('td').nth(2).innerText();
  found.focus_stays = await page.evaluate(() => document.activeElement?.innerText);

  await live.getByRole('searchbox').fill('params.depth = 3 and metrics.score > 50');
  await status('9 runs');
  await live.getByRole('searchbox').fill('params.depth >');
  await live.getByRole('alert').filter({ hasText: 'expected' }).waitFor();
  found.refused = await live.getByRole('alert').innerText();
  await live.getByRole('searchbox').fill('name ~ "run 11"');
  await status('10 runs');

  for (const at of [0, 1]) {
    await rows.nth(at).getByRole('checkbox').focus();
    await page.keyboard.press('Space');
  }
  await live.getByRole('button', { name: 'Compare 2' }).click();
  await live.getByRole('rowheader', { name: 'Parameters' }).waitFor();
  found.compared = await live.locator('th[scope=rowgroup]').allInnerTexts();
  await tour.shot('widget-compare');
  for (const [word, theme] of [
    ['dark', 'JupyterLab Dark'],
    ['contrast', 'JupyterLab Dark High Contrast']
  ]) {
    await tour.theme(theme);
    await tour.shot(`widget-runs-${word}`);
    found.violations.push(...(await axeOn(tour, '.nbops-live')));
  }
  await tour.theme('JupyterLab Light');

  // A new page finds its kernel again, and the layer its output.
  await tour.execute('docmanager:save');
  await page.waitForTimeout(2500);
  await page.reload();
  await page.locator('.nbops-live table').first().waitFor({ timeout: 60_000 });

  // Without its kernel the output is what its file says.
  await page.evaluate(() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart());
  await live.waitFor({ state: 'detached' });
  found.static_is_back = await page.locator('[data-nbops-layer] > .nbops table').first().isVisible();
  await tour.shot('widget-static');
});
