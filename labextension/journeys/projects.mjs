// Two projects below one server's root, which itself is below a hub's address: the panel shows the one that somebody
// works in, and what the kernel does is done in the kernel of that notebook.

import { run } from './lab.mjs';

await run(async (tour, args) => {
  const { page, found } = tour;
  const titles = () => page.locator('.nbops-Runs .nbops-Row-title').allInnerTexts();
  await tour.open();
  await tour.panel();
  found.rows = {};
  for (const [path, value] of args.notebooks) {
    await tour.notebook(path);
    await tour.execute('notebook:run-all-cells');
    await tour
      .row(`mark = ${value}`)
      .or(tour.row(`mark ${value}`))
      .first()
      .waitFor({ timeout: 60_000 });
    found.rows[path] = await titles();
  }
  const [[first, mark]] = args.notebooks;
  await tour.execute('docmanager:open', { path: first });
  await tour.row(`mark ${mark}`).waitFor();
  found.back = await titles();
  await tour.execute('nbops:extract-functions', { names: 'twice', to: 'work.more' });
  await tour.execute('nbops:open-panel', { section: 'modules' });
  await page.locator('[data-nbops-module="work.more"]').waitFor({ timeout: 60_000 });
  await tour.shot('projects');
  found.requests = [...new Set(tour.requests.map(request => request.split('/nbops/')[0]))];
});
