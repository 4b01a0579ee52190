// What the panel sets going, done for real: functions extracted in the live kernel, a sweep run from its form, runs put
// aside and into the trash.

import { readFile, writeFile } from 'node:fs/promises';

import { run } from './lab.mjs';

await run(async (tour, args) => {
  const { page, found } = tour;
  await tour.open();
  await tour.notebook(args.notebook);
  await tour.panel();
  await tour.execute('notebook:run-all-cells');
  await tour.row('score').waitFor({ timeout: 60_000 });

  await tour.execute('nbops:open-panel', { section: 'modules' });
  await tour.execute('nbops:extract-functions', { names: 'clean', to: 'work.cleaning' });
  await page.locator('[data-nbops-module="work.cleaning"]').waitFor();
  await page.getByRole('button', { name: 'Put its import below' }).click();
  const cells = page.locator('.jp-Notebook .jp-CodeCell');
  await cells.filter({ hasText: 'from work.cleaning import clean' }).waitFor();
  await tour.shot('extracted');

  // Data that a function reads is named as what is in the way, and the person chooses what becomes of it.
  await tour.execute('nbops:extract-functions', { names: 'share', to: 'work.shares' });
  await page.getByRole('button', { name: 'Pass or keep the data…' }).click();
  await page.getByLabel('Data as parameters').fill('total');
  await page.getByRole('button', { name: 'Extract', exact: true }).click();
  await page.locator('[data-nbops-module="work.shares"]').waitFor();

  // What was edited in the module's file comes back in a new cell; the old one stays as it was.
  await writeFile(
    args.module,
    (await readFile(args.module, 'utf8')).replace('if row]', 'if row is not None]')
  );
  await tour.execute('nbops:pull-module', { module: 'work.cleaning' });
  await cells.filter({ hasText: 'if row is not None]' }).waitFor();
  found.defined = await cells.filter({ hasText: 'def clean(rows)' }).count();

  await tour.execute('nbops:retrain-notebook', { notebook: args.notebook });
  await page.getByRole('textbox', { name: /^depth/ }).fill('2,4');
  await page.getByLabel('Objective').fill('max:score');
  await page.getByRole('button', { name: 'Start 2 runs' }).click();
  const sweep = page.locator('[data-nbops-sweep]', { hasText: '2 of 2 runs' });
  await sweep.waitFor({ timeout: 90_000 });
  found.sweep = await sweep.innerText();
  await tour.shot('swept');

  // The same form searches, with a number of trials.
  await page.getByRole('textbox', { name: /^depth/ }).fill('1..8');
  await page.getByLabel('Trials').fill('3');
  await page.getByRole('button', { name: 'Start 3 runs' }).click();
  const searched = page.locator('[data-nbops-sweep]', { hasText: '3 of 3 runs' });
  await searched.waitFor({ timeout: 90_000 });
  found.searched = await searched.innerText();
  await searched.dblclick();
  const results = page.locator('.nbops-Document:visible tbody tr');
  await results.nth(2).waitFor();
  found.trials = await results.allInnerTexts();

  await tour.execute('nbops:list-sweep-runs', { sweep: await sweep.getAttribute('data-nbops-sweep') });
  await page.waitForFunction(() => document.querySelector('.nbops-Count').innerText === '2 runs');
  const first = page.locator('.nbops-Runs .nbops-Row').first();
  const id = await first.getAttribute('data-nbops-run');
  await tour.execute('nbops:archive-runs', { run: id });
  await page.waitForFunction(() => document.querySelector('.nbops-Count').innerText === '1 run');
  const last = await first.getAttribute('data-nbops-run');
  const deleting = tour.execute('nbops:delete-runs', { run: last });
  await page.getByRole('button', { name: 'Delete' }).click();
  await deleting;
  await page.getByText('No run matches').waitFor();
  await page.getByLabel('Which runs').selectOption('deleted');
  await page.waitForFunction(() => document.querySelector('.nbops-Count').innerText === '1 run');
  await tour.execute('nbops:restore-runs', { run: last });
  await page.getByText('No run matches').waitFor();
  await page.getByLabel('Which runs').selectOption('listed');

  // A schedule is made, run now, paused and removed.
  await tour.execute('nbops:open-panel', { section: 'schedules' });
  await page.getByText('Nothing is scheduled').waitFor();
  const scheduling = tour.execute('nbops:schedule-notebook', { notebook: args.notebook });
  const form = page.getByRole('dialog');
  await form.getByLabel('Times').fill('0 3 1 1 *');
  await form.getByLabel('When there is new data').fill('data/*.csv');
  await form.getByLabel('When a metric is bad').fill('score');
  await form.getByLabel(/^depth/).fill('4');
  await form.getByText('Advanced').click();
  await form.getByLabel('Further tries').selectOption('1');
  await form.getByLabel('Longest time').selectOption('3600');
  await form.getByRole('button', { name: 'Schedule' }).click();
  // A bar is missing: the form comes back with what was typed.
  const metric = form.getByLabel('When a metric is bad');
  await page.getByText('metric:score cannot be understood').first().waitFor();
  found.typed = await metric.inputValue();
  tour.errors = tour.errors.filter(error => !/400 .*\/schedule\?/.test(error));
  await metric.fill('score<0.9');
  await tour.shot('schedule-form');
  await form.getByRole('button', { name: 'Schedule' }).click();
  await scheduling;
  const schedule = page.locator('[data-nbops-schedule]');
  await schedule.waitFor();
  found.scheduled = await schedule.innerText();
  const about = { schedule: await schedule.getAttribute('data-nbops-schedule') };
  await tour.execute('nbops:fire-schedule', about);
  await page.locator('[data-nbops-schedule]', { hasText: 'finished' }).waitFor({ timeout: 60_000 });
  await tour.execute('nbops:pause-schedule', about);
  await page.locator('[data-nbops-paused="true"]').waitFor();
  await tour.execute('nbops:unpause-schedule', about);
  await page.locator('[data-nbops-paused="false"]').waitFor();
  await tour.shot('scheduled');
  await tour.execute('nbops:open-schedule', about);
  await page.waitForFunction(() => document.querySelector('.nbops-Count').innerText === '1 run');
  const removing = tour.execute('nbops:remove-schedule', about);
  await page.getByRole('button', { name: 'Remove' }).click();
  await removing;
  await page.getByText('Nothing is scheduled').waitFor();

  found.archived = id;
  found.restored = last;
});
