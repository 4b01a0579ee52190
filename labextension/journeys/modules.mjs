// A module's two versions: compared, tried, built, edited on disk, and brought back to the first.

import { auditor } from './axe.mjs';
import { run } from './lab.mjs';

await run(async (tour, args) => {
  const { page, found } = tour;
  const audit = auditor(tour);
  const dialog = page.locator('.jp-Dialog');
  const document = page.locator('.jp-MainAreaWidget:not(.lm-mod-hidden) .nbops-Document');
  await tour.open();
  await tour.notebook(args.notebook);
  await tour.panel();
  await tour.execute('notebook:run-all-cells');
  await tour.row('work.ipynb').waitFor({ timeout: 60_000 });

  // The functions of the selection are offered; the form is answered by keyboard.
  await page.evaluate(() => {
    const { content } = window.jupyterapp.shell.currentWidget;
    content.activeCellIndex = 1;
  });
  void tour.execute('nbops:extract-functions').catch(() => undefined);
  await dialog.locator('input').first().waitFor();
  found.offered = await dialog.locator('input').first().inputValue();
  await audit.over('extract-dialog', '.jp-Dialog');
  await dialog.getByLabel('Module').focus();
  await page.keyboard.type('work.cleaning');
  await page.keyboard.press('Enter');
  await tour.told('Extracted clean');
  await page.evaluate(() => {
    const { content, sessionContext } = window.jupyterapp.shell.currentWidget;
    content.widgets[1].model.sharedModel.setSource('def clean(rows):\n    return sorted(rows)');
    return sessionContext.ready;
  });
  await tour.execute('notebook:run-all-cells');
  await tour.execute('nbops:extract-functions', { names: 'clean', to: 'work.cleaning' });
  await tour.told('Extracted clean');

  await tour.stand('modules');
  await page.keyboard.press('Enter');
  await document.getByRole('heading', { name: 'What changed' }).waitFor();
  found.diff = await document.locator('.nbops-Diff.nbops-mod-added').allInnerTexts();
  found.against = await document.getByLabel('Against').inputValue();
  await audit('module-two-versions');

  await document.getByRole('button', { name: 'Test' }).click();
  found.untested = await tour.told('no calls');
  // Browsers report every refused request, also one that a person asked for.
  tour.errors = tour.errors.filter(error => !error.includes('/nbops/api/v1/test'));
  await document.getByRole('button', { name: 'Build Wheel' }).click();
  found.built = await tour.told('.whl');

  await tour.stand('modules');
  await tour.choose('Go Back to a Version…');
  await dialog.getByLabel('Version').waitFor();
  found.earlier = await dialog.getByLabel('Version').inputValue();
  await audit.over('go-back-dialog', '.jp-Dialog');
  await dialog.getByRole('button', { name: 'Continue' }).click();
  await dialog.getByRole('button', { name: 'Go Back' }).click();
  found.back = await tour.told('again');
});
