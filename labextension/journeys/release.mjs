// A model on its way to a release and back: checked, promoted, exported, deployed twice, measured, rolled back, stopped.
// By the rows' menus and the documents' buttons, with every dialogue held against axe in every theme.

import { auditor } from './axe.mjs';
import { run } from './lab.mjs';

await run(async (tour, args) => {
  const { page, found } = tour;
  const audit = auditor(tour);
  const dialog = page.locator('.jp-Dialog');
  const document = page.locator('.jp-MainAreaWidget:not(.lm-mod-hidden) .nbops-Document');
  const accept = async name => {
    await dialog.getByRole('button', { name, exact: true }).click();
    await dialog.waitFor({ state: 'detached' });
  };

  await tour.open();
  await tour.notebook(args.notebook);
  await tour.panel();
  await tour.execute('notebook:run-all-cells');
  await tour.execute('nbops:open-panel', { section: 'models' });
  await page.locator('[data-nbops-model="churn@2"]').waitFor({ timeout: 60_000 });

  await tour.stand('models');
  await page.keyboard.press('Shift+F10');
  await page.locator('.lm-Menu').waitFor();
  found.menu = await page.locator('.lm-Menu .lm-Menu-itemLabel').allInnerTexts();
  // The lines between its groups are JupyterLab's, which axe would like to have otherwise.
  await audit.over('menu', '.lm-Menu', ['aria-required-children', 'presentation-role-conflict']);
  await page.keyboard.press('Escape');

  await tour.stand('models');
  await tour.choose('Check Model');
  found.checked = await tour.told(/passed its checks|failed/);
  await tour.stand('models');
  await tour.choose('Promote Model…');
  await dialog.locator('input').waitFor();
  await audit.over('promote-dialog', '.jp-Dialog');
  await accept('Promote');
  found.promoted = await tour.told('is now production');

  await tour.stand('models');
  await page.keyboard.press('Enter');
  await document.getByRole('button', { name: 'Export…' }).click();
  await dialog.locator('select').first().waitFor();
  await audit.over('export-dialog', '.jp-Dialog');
  await accept('Export');
  found.exported = await tour.told('from the notebook');

  for (const model of ['churn@1', 'churn@2']) {
    await tour.execute('nbops:open-model', { model });
    await document.getByRole('button', { name: 'Deploy…' }).click();
    await dialog.getByLabel('Engine').selectOption('process');
    if (model === 'churn@1') {
      await dialog.getByText('Advanced').click();
      await audit.over('deploy-dialog', '.jp-Dialog');
    }
    await accept('Deploy');
    await tour.told('answers at');
  }

  await tour.stand('endpoints');
  await page.keyboard.press('Enter');
  await document
    .getByRole('link', { name: 'churn@2' })
    .or(document.getByRole('button', { name: 'churn@2' }))
    .waitFor();
  await document.getByRole('button', { name: 'Measure Drift' }).click();
  found.measured = await tour.told(/over \d+ rows/);
  found.log = await document.getByLabel('Log', { exact: true }).innerText();
  await audit('endpoint-live');
  await document.getByRole('button', { name: 'Roll Back…' }).click();
  await audit.over('rollback-dialog', '.jp-Dialog');
  await accept('Roll Back');
  await tour.told('answers as before');
  await document.getByRole('button', { name: 'churn@1' }).waitFor();
  found.deployments = await document.locator('table').last().locator('tbody tr').allInnerTexts();

  await tour.stand('endpoints');
  await tour.choose('Stop Endpoint');
  await accept('Stop');
  await tour.told('is stopped');
});
