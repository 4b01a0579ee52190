// From a run to its comparison, from the endpoint back to the cell, forms for a sweep and a deployment: the whole panel
// on a project with something of everything, in every theme, held against axe.

import { auditor } from './axe.mjs';
import { run } from './lab.mjs';

await run(async (tour, args) => {
  const { page, found } = tour;
  const audit = auditor(tour);
  const text = selector => page.locator(selector).first().innerText();
  const close = () => tour.execute('application:close');

  await tour.open();
  await tour.panel();
  await tour.row('churn depth').waitFor();
  found.hostile = await tour.row('<img src=x').locator('.nbops-Row-title').innerText();

  // By keyboard alone: walk, mark, compare.
  await page.locator('.nbops-Runs .nbops-List').focus();
  for (const [marked, key] of ['End', 'ArrowUp', 'ArrowUp'].entries()) {
    await page.keyboard.press(key);
    await page.locator('.nbops-Runs .nbops-mod-focused').waitFor();
    await page.keyboard.press(' ');
    await page.getByText(`${marked + 1} marked`).waitFor();
  }
  await audit('marked');
  await page.getByRole('button', { name: 'Compare' }).focus();
  await page.keyboard.press('Enter');
  await page.locator('.nbops-Table').waitFor();
  found.compared = (await page.locator('.nbops-Table tr').allInnerTexts()).map(row =>
    row.split(/[\n\t]/)[0].trim()
  );
  await audit('compare');
  await close();
  await page.getByRole('button', { name: 'Clear' }).click();

  // Search and sort are the server's.
  await page.locator('.nbops-Search').fill('metrics.accuracy > 0.92');
  await page.waitForFunction(() => /^[1-5] runs?$/.test(document.querySelector('.nbops-Count').innerText));
  found.searched = await page.locator('.nbops-Runs .nbops-Row-title').allInnerTexts();
  await page.locator('.nbops-Search').fill('metrics.accuracy >');
  await page.getByRole('alert').waitFor();
  found.refused = await text('.nbops-Runs [role=alert]');
  // Browsers report every refused request, also one that a person asked for.
  tour.errors = tour.errors.filter(error => !/400 .*where=metrics.accuracy\+%3E/.test(error));
  await page.locator('.nbops-Search').fill('');
  await page.locator('.nbops-Runs .nbops-Row').first().waitFor();
  await page.getByLabel('Sort runs by').selectOption('-metrics.accuracy');
  await page.waitForFunction(
    () => document.querySelector('.nbops-Runs .nbops-Row-title')?.innerText === 'churn depth=8'
  );
  await page.getByLabel('Sort runs by').selectOption('');

  await tour
    .row('churn depth=8')
    .focus()
    .catch(() => undefined);
  await tour.row('churn depth=8').dispatchEvent('dblclick');
  await page.locator('.nbops-Chart canvas').first().waitFor();
  await audit('run');
  await close();

  await tour.execute('nbops:open-panel', { section: 'modules' });
  await page.locator('[data-nbops-module]').first().dispatchEvent('dblclick');
  await page.getByRole('heading', { name: 'What changed' }).waitFor();
  found.diff = await page.locator('.nbops-Diff.nbops-mod-added').allInnerTexts();
  await audit('module');
  await close();

  await tour.execute('nbops:open-panel', { section: 'schedules' });
  await page.locator('[data-nbops-schedule]').first().waitFor();
  await audit('schedules');

  await tour.execute('nbops:open-panel', { section: 'models' });
  await page.locator('[data-nbops-model]').first().dispatchEvent('dblclick');
  await page.getByText('What it takes').waitFor();
  await audit('model');
  await close();

  await tour.notebook(args.notebook);
  await tour.execute('nbops:open-panel', { section: 'notebook' });
  await page.locator('.nbops-ThisNotebook .nbops-Row').first().waitFor();
  await page.getByText('not run in this session').waitFor();
  found.marks = await page.locator('.nbops-ThisNotebook .nbops-Chip').allInnerTexts();
  await audit('notebook');

  await tour.execute('nbops:retrain-notebook', { notebook: args.notebook });
  await page.getByText('Runs at a time').waitFor();
  await page.getByRole('textbox', { name: /^depth/ }).fill('2,4,80');
  found.wrong_value = await text('.nbops-Document [role=status]');
  await page.getByRole('textbox', { name: /^depth/ }).fill('2,4,8');
  found.start = await page.getByRole('button', { name: /^Start/ }).innerText();
  await audit('sweep-form');
  await close();

  void tour.execute('nbops:deploy-model', { model: 'churn@1' }).catch(() => undefined);
  await page.locator('.jp-Dialog .nbops-Form input').first().waitFor();
  await tour.shots('deploy-form');
  found.endpoint_offered = await page.locator('.jp-Dialog .nbops-Form input').first().inputValue();
  await page.getByText('Advanced', { exact: true }).click();
  found.advanced = await page.locator('.nbops-Form-advanced label').allInnerTexts();
  await page.getByLabel('Save as').fill('churn.tar');
  await audit('deploy-form-advanced');
  await page.keyboard.press('Escape');

  // Why is this container running? Because of that cell.
  await tour.execute('nbops:open-panel', { section: 'endpoints' });
  await page.locator('[data-nbops-endpoint]').first().dispatchEvent('dblclick');
  await page.getByText('Drift by column').waitFor();
  await page.locator('.nbops-Chart canvas').first().waitFor();
  await audit('endpoint');
  await page.getByRole('button', { name: 'to the cell that made it' }).click();
  await page.waitForFunction(() => window.jupyterapp.shell.currentWidget?.content?.activeCell);
  await page.waitForFunction(() =>
    /RandomForest/.test(
      window.jupyterapp.shell.currentWidget.content.activeCell?.model?.sharedModel.getSource()
    )
  );

  // Hidden panels cost no request.
  await tour.execute('filebrowser:activate');
  await page.waitForTimeout(500);
  const before = tour.requests.length;
  await page.waitForTimeout(1500);
  found.requests_while_hidden = tour.requests.length - before;
  found.hacked = await page.evaluate(() => window.hacked ?? false);
});
