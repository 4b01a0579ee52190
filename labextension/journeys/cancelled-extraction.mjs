// An extraction from a live session that takes long: what it does is shown, and it is ended from the notification.

import { auditor } from './axe.mjs';
import { run } from './lab.mjs';

await run(async (tour, { notebook }) => {
  const { page, found } = tour;
  await tour.open();
  await tour.notebook(notebook);
  await tour.execute('notebook:run-all-cells');
  const done = tour.execute('nbops:extract-functions', { names: 'waited', to: 'work.waiting' });
  done.catch(() => undefined); // what it failed for is awaited below

  const toast = page.locator('.Toastify__toast', { hasText: 'clean process' });
  await toast.waitFor({ timeout: 60_000 });
  found.shown = await toast.innerText();
  found.violations = await auditor(tour).here('.Toastify__toast');
  await toast.getByRole('button', { name: 'Cancel' }).click();
  found.told = await tour.told('cancelled');
  await done;

  // The kernel goes on as if nothing had been.
  await page.evaluate(() => {
    const { content } = window.jupyterapp.shell.currentWidget;
    content.widgets[1].model.sharedModel.setSource('print(waited(1))');
  });
  await tour.execute('notebook:run-all-cells');
  found.printed = (await page.locator('.jp-OutputArea-output').last().innerText()).trim();
});
