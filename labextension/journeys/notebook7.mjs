// The same panel beside a notebook in Notebook 7.

import { run } from './lab.mjs';

await run(async tour => {
  const { page, found } = tour;
  await tour.open();
  await page.waitForFunction(() => window.jupyterapp.shell.currentWidget?.sessionContext);
  await page.evaluate(async () => {
    const { sessionContext } = window.jupyterapp.shell.currentWidget;
    await sessionContext.ready;
    await sessionContext.session.kernel.info;
  });
  await tour.panel();
  await page.locator('.nbops-Advice').first().waitFor();
  await tour.execute('notebook:run-all-cells');
  await tour.row('first').waitFor({ timeout: 60_000 });
  await tour.row('accuracy = 0.5').waitFor();
  await page.locator('.nbops-Runs .nbops-Row', { hasText: 'accuracy' }).first().waitFor();
  found.runs = await page.locator('.nbops-Runs .nbops-Row').allInnerTexts();
  await tour.shot('notebook7');
  // Notebook 7.6 has this one by itself, without any extension, when its settings are read for the first time.
  tour.errors = tour.errors.filter(error => !/reading 'schema'\)\n.*notebook_core/.test(error));
});
