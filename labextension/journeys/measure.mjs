// How quick the panel is on a store with very many runs, and how soon news are seen. Told by benchmarks/panel_bench.py.

import { run } from './lab.mjs';

const quantile = (values, share) =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))];

await run(async (tour, args) => {
  const { page, found } = tour;
  let bytes = 0;
  page.on('response', async response => {
    if (response.url().includes('/extensions/nbops/')) {
      const body = await response.body().catch(() => Buffer.alloc(0));
      bytes += body.length;
    }
  });
  await tour.open();
  await page.waitForTimeout(1500);
  found.closed = { requests: tour.requests.length, javascript_bytes: bytes };

  /** Milliseconds in the page from doing something until a condition holds, looked at on every frame. */
  const time = (act, until, arg) =>
    page.evaluate(
      ([act, until, arg]) =>
        new Promise(resolve => {
          const holds = new Function('arg', `return ${until}`);
          const start = performance.now();
          new Function('arg', act)(arg);
          const look = () => (holds(arg) ? resolve(performance.now() - start) : requestAnimationFrame(look));
          requestAnimationFrame(look);
        }),
      [act, until, arg]
    );
  const first = `document.querySelector('.nbops-Runs .nbops-Row-title')?.innerText`;
  const type = `const i = document.querySelector('.nbops-Search');
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(i, arg[0]);
    i.dispatchEvent(new Event('input', { bubbles: true }));`;
  const choose = `const s = document.querySelector('.nbops-SearchBar select[aria-label^=Sort]');
    s.value = arg[0]; s.dispatchEvent(new Event('change', { bubbles: true }));`;

  found.open_ms = await time(`window.jupyterapp.commands.execute('nbops:open-panel')`, first);
  await page.waitForTimeout(500);
  const counted = `document.querySelector('.nbops-Count').innerText`;
  const runs = await page.evaluate(`Number(${counted}.replace(/\\D/g, ''))`);
  found.runs = runs;

  found.filter_ms = [];
  found.sort_ms = [];
  found.end_ms = [];
  for (let round = 0; round < args.rounds; round++) {
    const newest = await page.evaluate(first);
    found.filter_ms.push(
      await time(type, `${first} && ${first} !== arg[1]`, [
        'metrics.accuracy > 0.9 and params.depth = 3',
        newest
      ])
    );
    await time(type, `${first} === arg[1]`, ['', newest]);
    await page.waitForTimeout(300);
    found.sort_ms.push(await time(choose, `${first} && ${first} !== arg[1]`, ['-metrics.accuracy', newest]));
    await time(choose, `${first} === arg[1]`, ['', newest]);
    await page.waitForTimeout(300);
    const end = `const l = document.querySelector('.nbops-Runs .nbops-List'); l.scrollTop = l.scrollHeight;`;
    const last = `document.querySelector('.nbops-Runs .nbops-Row[aria-posinset="${runs}"] .nbops-Row-title')`;
    found.end_ms.push(await time(end, last, []));
    await page.evaluate(`document.querySelector('.nbops-Runs .nbops-List').scrollTop = 0`);
    await page.waitForTimeout(300);
  }

  await page.evaluate(() => window.gc?.());
  const heap = () => page.evaluate(() => performance.memory.usedJSHeapSize);
  const before = await heap();
  const frames = await page.evaluate(
    () =>
      new Promise(resolve => {
        const list = document.querySelector('.nbops-Runs .nbops-List');
        const times = [];
        let last = performance.now();
        const step = () => {
          const now = performance.now();
          times.push(now - last);
          last = now;
          list.scrollTop += 240;
          times.length < 201 ? requestAnimationFrame(step) : resolve(times.slice(1));
        };
        requestAnimationFrame(step);
      })
  );
  await page.waitForTimeout(1000);
  found.frame_ms = { median: quantile(frames, 0.5), p95: quantile(frames, 0.95), max: Math.max(...frames) };
  found.dom_nodes = await page.evaluate(() => document.querySelectorAll('.nbops-Runs *').length);
  found.heap_growth_bytes = (await heap()) - before;

  if (args.live_s) {
    await page.evaluate(`document.querySelector('.nbops-Runs .nbops-List').scrollTop = 0`);
    await page.evaluate(() => {
      window.seen = new Map();
      const look = () => {
        for (const title of document.querySelectorAll('.nbops-Runs .nbops-Row-title')) {
          const match = /^live (\w+) (\d+)$/.exec(title.textContent);
          if (match && !window.seen.has(match[0])) {
            window.seen.set(match[0], [match[1], Date.now() - Number(match[2])]);
          }
        }
      };
      new MutationObserver(look).observe(document.querySelector('.nbops-Runs'), {
        subtree: true,
        childList: true,
        characterData: true
      });
    });
    // As many rows as a burst of four processes may bring between two frames; what was pushed out of view unseen is
    // told from what was lost by the list's own count in the end.
    await page.setViewportSize({ width: 1280, height: 3000 });
    await tour.notebook(args.notebook);
    await tour.execute('notebook:run-all-cells');
    await page.waitForTimeout(args.live_s * 1000);
    found.live = await page.evaluate(() => [...window.seen.values()]);
    await page.evaluate(
      `(arg => { ${type} })(${JSON.stringify(['name ~ "live kernel" or name ~ "live papermill" or name ~ "live nbclient" or name ~ "live script"'])})`
    );
    await page.waitForTimeout(3000);
    found.listed = await page.evaluate(`Number(${counted}.replace(/\\D/g, ''))`);
  }
});
