// A notebook is run twice; what its cells displayed stands side by side on a cell's page, and nothing of it runs there.

import { run } from './lab.mjs';

await run(async (tour, args) => {
  const { page, found } = tour;
  const ask = async (route, query) =>
    page.evaluate(
      async ([route, query]) => {
        const { baseUrl, token } = window.jupyterapp.serviceManager.serverSettings;
        const address = `${baseUrl}nbops/api/v1/${route}?${new URLSearchParams(query)}`;
        return (await fetch(address, { headers: { Authorization: `token ${token}` } })).json();
      },
      [route, query]
    );

  await tour.open();
  await tour.panel();
  await tour.notebook(args.notebook);
  for (let round = 1; round <= 2; round++) {
    await tour.execute('notebook:run-all-cells');
  }
  const [last] = await ask('records/cells', { cell_id: args.cell, limit: 1 });
  // In the notebook itself, whose cells this person has just run, scripts are at home. A new page knows nothing of it.
  await tour.execute('docmanager:save');
  await tour.execute('application:close');
  await page.waitForTimeout(2500);
  await page.reload();
  await page.waitForFunction(() => window.jupyterapp !== undefined);
  await page.evaluate(() => window.jupyterapp.restored);

  await tour.execute('nbops:show-execution', { execution: last.id });
  const document = page.locator('.nbops-Document');
  await document
    .locator('.nbops-Display')
    .nth(2 * args.displays - 1)
    .waitFor();
  await document.locator('img').nth(3).waitFor();
  await page.waitForFunction(() =>
    [...window.document.querySelectorAll('.nbops-Document img')].every(image => image.naturalWidth > 0)
  );
  await document.locator('table').nth(1).waitFor();
  found.captions = await document.locator('.nbops-Display figcaption').allInnerTexts();
  found.tables = await document.locator('table').allInnerTexts();
  found.hostile = await document.evaluate(node => ({
    scripts: node.querySelectorAll('.nbops-Display script').length,
    handlers: [...node.querySelectorAll('.nbops-Display *')].filter(one =>
      [...one.attributes].some(({ name, value }) => name.startsWith('on') || value.startsWith('javascript:'))
    ).length,
    sources: [...node.querySelectorAll('img')].map(image => image.src.slice(0, 15))
  }));
  found.hacked = await page.evaluate(() => window.hacked ?? null);
  await tour.shots('outputs');

  await tour.execute('nbops:open-run', { run: last.run_id });
  const mark = page.locator('.nbops-Numbers .nbops-Chip');
  await mark.first().waitFor();
  found.trust = await mark.first().innerText();
  found.why = await mark.first().getAttribute('title');
  await tour.shot('outputs-trust');
});
