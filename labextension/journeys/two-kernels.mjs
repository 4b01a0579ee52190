// Two kernels record in two projects at once: the panel shows those of the project that somebody works in, and asks
// nothing while nobody looks at it.

import { writeFileSync } from 'node:fs';
import { run } from './lab.mjs';

await run(async (tour, { notebooks, gates }) => {
  const { page, found } = tour;
  const titles = () => page.locator('.nbops-Runs .nbops-Row-title').allInnerTexts();
  const named = async () => (await titles()).filter(title => /^[ab] \d+$/.test(title));
  const newest = async () => Number((await named())[0]?.split(' ')[1] ?? -1);
  const settled = async letter =>
    page
      .locator('.nbops-Runs .nbops-Row-title', { hasText: new RegExp(`^${letter} \\d+$`) })
      .first()
      .waitFor();

  await tour.open();
  await tour.panel();
  for (const path of notebooks) {
    await tour.notebook(path);
    // The command is done only when the cells are.
    void tour.execute('notebook:run-all-cells').catch(() => undefined);
  }
  found.grew = [];
  for (const [at, letter] of ['a', 'b'].entries()) {
    await tour.execute('docmanager:open', { path: notebooks[at] });
    await settled(letter);
    const before = await newest();
    await page.waitForTimeout(1500);
    found[`seen_of_${letter}`] = await named();
    found.grew.push((await newest()) > before);
  }

  const quiet = async () => {
    await page.waitForTimeout(500);
    const before = tour.requests.length;
    await page.waitForTimeout(2000);
    return tour.requests.length - before;
  };
  await tour.execute('filebrowser:activate');
  found.requests_while_hidden = await quiet();
  await tour.panel();
  await tour.execute('application:toggle-left-area');
  found.requests_while_folded = await quiet();
  const shown = await newest();
  await tour.execute('application:toggle-left-area');
  await page.waitForFunction(
    shown =>
      [...document.querySelectorAll('.nbops-Runs .nbops-Row-title')].some(
        title => Number(/^b (\d+)$/.exec(title.innerText)?.[1]) > shown
      ),
    shown
  );
  found.caught_up = true;
  gates.forEach(gate => writeFileSync(gate, ''));
});
