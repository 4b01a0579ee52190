// A project in which every text is hostile: each section lists it, each document opens, and all of it stays text.

import { SECTIONS, run } from './lab.mjs';

await run(async (tour, { notebook }) => {
  const { page, found } = tour;
  // What became an element of ours although it was text.
  const alive = where =>
    page.evaluate(
      where => document.querySelectorAll(`${where} img[src="x"], ${where} script, ${where} [onerror]`).length,
      where
    );
  found.rows = {};
  found.documents = {};
  found.alive = 0;
  await tour.open();
  await tour.notebook(notebook);
  await tour.panel();
  for (const section of SECTIONS) {
    await tour.execute('nbops:open-panel', { section });
    const list = page.locator(`#nbops-section-${section}`);
    await list.locator('.nbops-Row[aria-busy=false]').first().waitFor();
    found.rows[section] = await list.locator('.nbops-Row').first().innerText();
    found.alive += await alive('#nbops-panel');
    await tour.shot(`hostile-${section}`);
    if (['runs', 'lineage', 'modules', 'sweeps', 'models', 'endpoints'].includes(section)) {
      await list.locator('.nbops-Row').first().dispatchEvent('dblclick');
      const document = page.locator('.jp-MainAreaWidget:not(.lm-mod-hidden) .nbops-Document article');
      await document.waitFor();
      found.documents[section] = (await document.innerText()).includes('<img src=x');
      found.alive += await alive('.nbops-Document');
      await tour.shot(`hostile-${section}-document`);
      await tour.execute('application:close');
    }
  }
  await tour.execute('nbops:open-lineage', { id: 'last' });
  await page.locator('.nbops-Node').first().waitFor();
  found.alive += await alive('.nbops-Document');
  await tour.shot('hostile-graph');
  // Browsers report refused requests: the bytes of its pictures are not there, nor does anything answer at its endpoint.
  tour.errors = tour.errors.filter(error => !/api\/v1\/(content|logs)/.test(error));
  found.hacked = await page.evaluate(() => window.hacked ?? null);
});
