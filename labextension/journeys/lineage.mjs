// From an endpoint back to the file: as a graph walked by keyboard, as a table, and as a tree in the side panel.

import { auditor, axeOn } from './axe.mjs';
import { run, THEMES } from './lab.mjs';

await run(async tour => {
  const { page, found } = tour;
  const audit = auditor(tour);
  await tour.open();
  await tour.execute('nbops:open-endpoint', { endpoint: 'churn' });
  await page.getByRole('button', { name: 'Lineage', exact: true }).click();
  await page.locator('.nbops-Node').first().waitFor();
  await tour.execute('nbops:open-panel', { section: 'lineage' });
  await page.locator('.nbops-Tree').first().waitFor();
  await audit('lineage');
  found.tree = await page.locator('.nbops-Tree .nbops-Row-title').allInnerTexts();

  await page.locator('.nbops-Node[tabindex="0"]').focus();
  for (let step = 0; step < 4; step++) {
    await page.keyboard.press('ArrowDown');
  }
  found.walked_to = await page.evaluate(() => document.activeElement.getAttribute('aria-label'));
  await tour.shot('lineage-walked');
  await page.getByRole('button', { name: 'List', exact: true }).click();
  found.lineage = (await page.locator('.nbops-Lineage tbody tr').allInnerTexts()).map(row =>
    row.split('\t').slice(0, 2).join(' ')
  );
  await audit('lineage-list');

  // Back to the graph, and on to the cell itself.
  await page.getByRole('button', { name: 'Graph', exact: true }).click();
  await page.locator('.nbops-Node.nbops-mod-cell', { hasText: 'In [5]' }).focus();
  await page.keyboard.press('Enter');
  await page.waitForFunction(() =>
    /RandomForest/.test(
      window.jupyterapp.shell.currentWidget.content?.activeCell?.model?.sharedModel.getSource()
    )
  );

  // Cells bear their marks while the panel is open, the notebook's file does not; the settings switch them off.
  await page.locator('.nbops-CellMark', { hasText: 'edited' }).first().waitFor();
  await page.locator('.nbops-CellMark', { hasText: 'out of order' }).first().waitFor();
  found.marks = await page.locator('.nbops-CellMark').allInnerTexts();
  found.violations['cell-marks'] = [];
  for (const [word, theme] of THEMES) {
    await tour.theme(theme);
    found.violations['cell-marks'].push(...(await axeOn(tour, '.nbops-CellMark')));
  }
  await tour.theme(THEMES[0][1]);
  await tour.shot('cell-marks');
  found.metadata = await page.evaluate(() =>
    JSON.stringify([...window.jupyterapp.shell.currentWidget.context.model.cells].map(cell => cell.metadata))
  );
  await tour.execute('filebrowser:activate');
  await page.locator('.nbops-CellMark').first().waitFor({ state: 'detached' });
  await tour.panel();
  await page.locator('.nbops-CellMark').first().click();
  await page.getByRole('heading', { name: /^In \[/ }).waitFor();
});
