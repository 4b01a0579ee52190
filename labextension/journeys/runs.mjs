// What is done with runs from their rows: renamed, annotated, tagged, copied, run again, archived, cancelled; by keyboard.

import { auditor } from './axe.mjs';
import { run } from './lab.mjs';

await run(async (tour, args) => {
  const { page, found } = tour;
  const audit = auditor(tour);
  const dialog = page.locator('.jp-Dialog');
  const answer = async text => {
    const input = dialog.locator('input');
    await input.waitFor();
    await page.waitForFunction(() => document.activeElement?.matches('.jp-Dialog input'));
    await page.keyboard.type(text);
    await page.keyboard.press('Enter');
    await dialog.waitFor({ state: 'detached' });
  };
  const firstRow = page.locator('#nbops-section-runs .nbops-Row').first();
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await tour.open();
  await tour.panel();

  // One that goes on is cancelled from its row.
  await tour.row('long n=2').waitFor();
  await tour.stand('runs');
  await tour.choose('Cancel Sweep or Run');
  await tour.told('Cancelled');
  await page.waitForFunction(() =>
    document.querySelector('#nbops-section-runs .nbops-Row').getAttribute('aria-label').includes('cancelled')
  );
  found.cancelled = await firstRow.getAttribute('aria-label');

  await page.locator('.nbops-Search').fill('name = "done n=1"');
  await page.waitForFunction(() => document.querySelector('.nbops-Count').innerText === '1 run');
  await page.locator('.nbops-Search').fill('');
  await page.waitForFunction(() => document.querySelector('.nbops-Count').innerText !== '1 run');

  await tour.stand('runs');
  await page.keyboard.press('End');
  await page.keyboard.press('F2');
  await dialog.locator('input').waitFor();
  await audit.over('rename-dialog', '.jp-Dialog');
  await answer('the first of all');
  await tour.told('is called the first of all');
  await tour.row('the first of all').waitFor();
  await tour.stand('runs');
  await page.keyboard.press('End');
  await tour.choose('Write Note on Run…');
  await answer('worth another look');
  await tour.told('Noted');
  await tour.stand('runs');
  await page.keyboard.press('End');
  await tour.choose('Tag Run…');
  await answer('team=churn');
  await tour.told('Tagged');
  await tour.stand('runs');
  await page.keyboard.press('End');
  await tour.choose('Copy Id of Run');
  found.copied = await page.evaluate(() => navigator.clipboard.readText());

  await tour.stand('runs');
  await page.keyboard.press('End');
  await page.keyboard.press('Enter');
  const head = page.locator('.jp-MainAreaWidget:not(.lm-mod-hidden) .nbops-Document .nbops-Head');
  await head.getByText('worth another look').waitFor();
  found.head = await head.innerText();
  await audit('run-tidied');
  await head.getByRole('button', { name: 'Run Again' }).click();
  found.again = await tour.told(/is finished|is failed/);

  await tour.stand('runs');
  await page.keyboard.press('End');
  const before = await page.locator('.nbops-Count').innerText();
  await page.keyboard.press('Delete');
  await dialog.getByRole('button', { name: 'Delete' }).waitFor();
  await audit.over('delete-dialog', '.jp-Dialog');
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  found.kept = before === (await page.locator('.nbops-Count').innerText());

  await tour.stand('runs');
  await page.keyboard.press('End');
  await tour.choose('Open Notebook of Run');
  await page.locator('.jp-NotebookPanel:not(.lm-mod-hidden)').waitFor();
  found.notebook = await page.evaluate(() => window.jupyterapp.shell.currentWidget.context.path);
});
