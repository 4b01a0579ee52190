// What was recorded is there after the kernel, the page and the server were started anew, and what comes next is added.

import { run } from './lab.mjs';

await run(async (tour, { seen }) => {
  const { page, found } = tour;
  const counted = words =>
    page.waitForFunction(words => document.querySelector('.nbops-Count')?.innerText === words, words);
  const recorded = count =>
    page.waitForFunction(count => {
      const rows = [...document.querySelectorAll('.nbops-Runs .nbops-Row')];
      return rows.filter(row => row.innerText.includes('accuracy')).length === count;
    }, count);
  await tour.open();
  await tour.panel();
  if (seen > 0) {
    await counted(seen === 1 ? '1 run' : `${seen} runs`);
  }
  await tour.notebook('first.ipynb');
  await tour.execute('notebook:run-all-cells');
  await counted(seen === 0 ? '1 run' : `${seen + 1} runs`);
  await recorded(seen + 1);
  await page.evaluate(async () => {
    const { sessionContext } = window.jupyterapp.shell.currentWidget;
    await sessionContext.session.kernel.restart();
    await sessionContext.session.kernel.info;
  });
  await tour.execute('notebook:run-all-cells');
  await counted(`${seen + 2} runs`);
  await recorded(seen + 2);
  await page.reload();
  await tour.stands();
  await tour.panel();
  await counted(`${seen + 2} runs`);
  await recorded(seen + 2);
  found.runs = await page.locator('.nbops-Runs .nbops-Row').allInnerTexts();
  // What JupyterLab itself was asking for when the page went away is refused.
  tour.errors = tour.errors.filter(error => !/Failed to fetch/.test(error));
});
