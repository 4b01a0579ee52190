// The pictures of docs/panel.md, taken from the real thing.

import { run } from './lab.mjs';

await run(async (tour, args) => {
  const { page } = tour;
  await page.setViewportSize({ width: 1120, height: 720 });
  await tour.open();
  await tour.notebook(args.notebook);
  await tour.panel();
  await tour.row('churn depth').waitFor();
  await tour.execute('nbops:open-panel', { section: 'notebook' });
  await page.locator('.nbops-ThisNotebook .nbops-Row').first().waitFor();
  await page
    .locator('.nbops-ThisNotebook .nbops-List')
    .evaluate(list => (list.scrollTop = list.scrollHeight));
  await page.locator('.nbops-ThisNotebook').getByText('edited').waitFor();
  await tour.shot('panel-notebook');

  await page.locator('.nbops-Runs .nbops-List').focus();
  for (const key of ['End', ' ', 'ArrowUp', ' ', 'ArrowUp', ' ']) {
    await page.keyboard.press(key);
  }
  await tour.execute('nbops:compare-runs');
  await page.locator('.jp-MainAreaWidget:not(.lm-mod-hidden) .nbops-Chart canvas').nth(1).waitFor();
  await page.waitForTimeout(600);
  await tour.shot('panel-compare');

  await tour.execute('nbops:open-panel', { section: 'endpoints' });
  await page.locator('[data-nbops-endpoint]').first().dispatchEvent('dblclick');
  await page.locator('.jp-MainAreaWidget:not(.lm-mod-hidden) .nbops-Chart canvas').first().waitFor();
  await page.waitForTimeout(600);
  await tour.execute('nbops:open-lineage', { id: 'churn' });
  await page.locator('.nbops-Node').first().waitFor();
  await page.locator('.nbops-Node.nbops-mod-cell', { hasText: 'In [4]' }).focus();
  await tour.execute('nbops:open-panel', { section: 'lineage' });
  await page.locator('.nbops-Tree').first().waitFor();
  await page.locator('.nbops-Node.nbops-mod-cell', { hasText: 'In [4]' }).focus();
  await tour.shot('panel-lineage');
  await tour.execute('application:close');
  await tour.execute('nbops:open-panel', { section: 'endpoints' });
  await page.waitForTimeout(600);
  await tour.theme('JupyterLab Dark');
  await page.waitForTimeout(600);
  await tour.shot('panel-endpoint');

  await tour.theme('JupyterLab Light');
  await tour.execute('filebrowser:activate');
  await tour.execute('filebrowser:toggle-main');
  for (const [name, notebook] of Object.entries(args.layers)) {
    await tour.notebook(notebook);
    await tour.execute('notebook:run-all-cells');
    await page.locator('.jp-NotebookPanel:not(.lm-mod-hidden) .nbops-live').waitFor({ timeout: 60_000 });
    await page.waitForTimeout(600);
    await tour.shot(name);
  }
});
