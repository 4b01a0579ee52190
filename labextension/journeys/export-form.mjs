// A model exported from its document: refused where a folder stands that is no export of its, then made, then replaced.

import { auditor } from './axe.mjs';
import { run } from './lab.mjs';

await run(async (tour, { model, taken }) => {
  const { page, found } = tour;
  const audit = auditor(tour);
  await tour.open();
  await tour.execute('nbops:open-panel', { section: 'models' });
  await page
    .locator('[data-nbops-model]', { hasText: model.split('@')[0] })
    .first()
    .dispatchEvent('dblclick');
  await page.getByText('What it takes').waitFor();
  const dialog = page.getByRole('dialog');
  const form = async answers => {
    await page.getByRole('button', { name: 'Export…' }).click();
    await dialog.getByLabel('Folder').waitFor();
    // JupyterLab gives a dialog the focus a moment after it has come.
    await page.waitForFunction(() => document.activeElement?.matches('.jp-Dialog input'));
    for (const [label, value] of Object.entries(answers)) {
      const field = dialog.getByLabel(label);
      await ((await field.evaluate(each => each.tagName)) === 'SELECT'
        ? field.selectOption(value)
        : field.fill(value));
    }
  };
  const said = async words => {
    const notice = page.locator('.Toastify__toast', { hasText: words }).last();
    await notice.waitFor({ timeout: 60_000 });
    return notice.innerText();
  };

  await form({ Folder: taken });
  await audit('export');
  found.offered = await dialog.getByLabel('Precision').locator('option').allInnerTexts();
  await tour.shot('export-form');
  await dialog.getByRole('button', { name: 'Export', exact: true }).click();
  found.refused = await said(taken);
  // Browsers report every refused request, also one that a person asked for.
  tour.errors = tour.errors.filter(error => !/409 .*export/.test(error));

  // By keyboard: the folder that is offered, from the first field on.
  await form({});
  await page.keyboard.press('Enter');
  found.exported = await said('from the notebook');

  await form({ 'An earlier export there': 'overwrite' });
  const answered = page.waitForResponse(response => response.url().includes('/export?'), { timeout: 60_000 });
  await dialog.getByRole('button', { name: 'Export', exact: true }).click();
  found.replaced = (await answered).status();
});
