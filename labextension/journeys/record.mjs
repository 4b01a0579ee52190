// A cell that records is run; its run and cells appear in the panel while one looks.

import { run } from './lab.mjs';

await run(async tour => {
  const { page, found } = tour;
  await tour.open();
  const before = tour.requests.length;
  tour.found.requests_before_opening = before;

  await tour.panel();
  await tour.page.getByText('No runs yet').first().waitFor();
  await tour.shots('empty');

  await tour.notebook('first.ipynb');
  await tour.execute('notebook:run-all-cells');
  await tour.row('first').waitFor({ timeout: 60_000 });
  await tour.row('accuracy = 0.5').waitFor();
  await tour.page.locator('.nbops-Cells .nbops-mod-bad').first().waitFor();
  tour.found.runs = await tour.page.locator('.nbops-Runs .nbops-Row').allInnerTexts();
  tour.found.cells = await tour.page.locator('.nbops-Cells .nbops-Row').allInnerTexts();
  await tour.shots('recorded');

  // A page that is loaded anew has lost nothing: the panel, the open document, the rows.
  await tour.execute('nbops:open-run', {
    run: await page.locator('[data-nbops-run]').first().getAttribute('data-nbops-run')
  });
  await page.locator('.nbops-Head h1').waitFor();
  found.fits = await page.getByRole('group', { name: 'Fits' }).getByRole('row').allInnerTexts();
  // JupyterLab saves its layout a moment after it changed.
  await page.waitForTimeout(2500);
  await page.reload();
  await page.locator('.nbops-Document .nbops-Head h1').waitFor({ timeout: 60_000 });
  found.reloaded = await page.locator('.nbops-Document .nbops-Head h1').innerText();
  await tour.row('first').waitFor();

  // A link, as notices carry it, opens the run; a reload does not ask for it again.
  await tour.execute('application:close');
  await page.locator('.nbops-Document').waitFor({ state: 'detached' });
  const run = await page.locator('[data-nbops-run]').first().getAttribute('data-nbops-run');
  const link = new URL(process.env.NBOPS_LAB);
  link.searchParams.set('nbops-run', run);
  await page.goto(link.href);
  await page.locator('.nbops-Document .nbops-Head h1').waitFor({ timeout: 60_000 });
  found.linked = await page.locator('.nbops-Document .nbops-Head h1').innerText();
  // The layout of before may have brought the document back already; the link is followed a moment later.
  await page.waitForURL(address => !address.search.includes('nbops-run'), { timeout: 60_000 });
  found.address_afterwards = new URL(page.url()).search;
});
