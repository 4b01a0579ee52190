// How long JupyterLab takes to be usable in a browser that has cached nothing, with nbops' extension and without it, by
// turns. Told by benchmarks/panel_bench.py.

import { chromium } from 'playwright-core';
import { FLAGS, run } from './lab.mjs';

await run(async ({ found }, { without, loads }) => {
  const addresses = { with: process.env.NBOPS_LAB, without };
  found.load_ms = { with: [], without: [] };
  const browser = await chromium.launch({ executablePath: process.env.NBOPS_CHROMIUM, args: FLAGS });
  for (let load = 0; load <= loads; load++) {
    for (const kind of load % 2 ? ['with', 'without'] : ['without', 'with']) {
      const context = await browser.newContext();
      const page = await context.newPage();
      await page.addInitScript(() => {
        const look = () => {
          const isThere = document.querySelector('.jp-DirListing-content');
          if (isThere && !document.querySelector('#jupyterlab-splash')) {
            window.usableAt = performance.now();
          } else {
            requestAnimationFrame(look);
          }
        };
        requestAnimationFrame(look);
      });
      await page.goto(addresses[kind]);
      const usable = await page.waitForFunction(() => window.usableAt, null, { timeout: 60_000 });
      // The first loads are the servers' own first.
      if (load > 0) {
        found.load_ms[kind].push(await usable.jsonValue());
      }
      await context.close();
    }
  }
  await browser.close();
});
