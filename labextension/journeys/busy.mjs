// A sweep that a cell waits for: its progress below the cell, and the button that cancels it while the kernel is busy.

import { auditor } from './axe.mjs';
import { run } from './lab.mjs';

await run(async (tour, { notebook }) => {
  const { page, found } = tour;
  await tour.open();
  await tour.notebook(notebook);
  // The command is done only when the cells are.
  const ran = tour.execute('notebook:run-all-cells');

  const live = page.locator('.nbops-Live');
  await live.getByText('best score 1').waitFor({ timeout: 60_000 });
  found.shown = await live.innerText();
  found.bar = await live.locator('progress').evaluate(bar => [bar.value, bar.max]);
  await tour.shots('live-sweep');
  found.violations = await auditor(tour).here('.nbops-Live');

  // By the cells: a kernel's status is that of its last message, which may have been one to its debugger.
  found.prompts = await page.locator('.jp-Notebook .jp-CodeCell .jp-InputPrompt').allInnerTexts();
  await live.getByRole('button', { name: 'Cancel' }).click();
  await page.getByText('1 cancelled').waitFor({ timeout: 60_000 });
  await live.waitFor({ state: 'detached' });
  await ran;
  await tour.shots('live-sweep-cancelled');
  await tour.execute('docmanager:save');
});
