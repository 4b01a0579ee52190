// A page is loaded anew while a cell waits for a sweep: its progress goes on below the cell; and a page that was away when
// the cell ended says so.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { auditor } from './axe.mjs';
import { run } from './lab.mjs';

await run(async (tour, { notebook, folder }) => {
  const { page, found } = tour;
  const live = page.locator('.nbops-Live');
  const open = gate => writeFileSync(join(folder, gate), '');
  const bar = () => live.locator('progress').evaluate(bar => [bar.value, bar.max]);
  const outputs = () =>
    page.evaluate(() => {
      const cell = window.jupyterapp.shell.currentWidget.content.widgets[1];
      return cell.outputArea.model.toJSON().map(output => output.data['text/plain']);
    });
  const begin = async cell => {
    await page.evaluate(cell => {
      window.jupyterapp.shell.currentWidget.content.activeCellIndex = cell;
    }, cell);
    // The command is done only when the cell is.
    void tour.execute('notebook:run-cell').catch(() => undefined);
    await live.getByText('best score 1').waitFor({ timeout: 60_000 });
    await tour.execute('docmanager:save');
    // JupyterLab saves its layout a moment after it changed.
    await page.waitForTimeout(2500);
  };
  await tour.open();
  await tour.notebook(notebook);
  await page.evaluate(() => {
    window.jupyterapp.shell.currentWidget.content.activeCellIndex = 0;
  });
  await tour.execute('notebook:run-cell');
  await begin(1);
  found.before = await bar();

  // A page that was loaded anew while it goes on.
  await tour.open();
  await live.getByText('best score 1').waitFor({ timeout: 60_000 });
  found.reloaded = await bar();
  found.violations = await auditor(tour).here('.nbops-Live');
  open('first-2');
  await page.waitForFunction(() => document.querySelector('.nbops-Live progress')?.value === 2, null, {
    timeout: 60_000
  });
  found.goes_on = await bar();
  found.requests_for_news = tour.requests.filter(request => request.endsWith('/project')).length;
  open('first-3');
  await live.waitFor({ state: 'detached', timeout: 60_000 });
  await page.getByText('3 of 3: 3 finished').first().waitFor({ timeout: 60_000 });
  const [summary, table] = await outputs();
  found.summary = summary;
  found.table = table ?? '';
  await tour.execute('docmanager:save');

  // A page that was away when it ended.
  await begin(2);
  await page.goto('about:blank');
  open('second-2');
  open('second-3');
  const api = new URL(process.env.NBOPS_LAB);
  api.pathname = api.pathname.replace(/lab$/, 'nbops/api/v1/records/sweeps');
  for (let running = true; running;) {
    await new Promise(resolve => setTimeout(resolve, 300));
    const sweeps = await (await fetch(api)).json();
    running = sweeps.some(sweep => sweep.status === 'running');
  }
  await page.waitForTimeout(1500);
  await tour.open();
  await live.getByText('The cell has ended').waitFor({ timeout: 60_000 });
  found.ended_while_away = await live.innerText();
  await live.getByRole('button', { name: 'Show Outputs of Cell' }).click();
  await page.locator('.nbops-Document').waitFor();
  await tour.shot('resumed');
});
