// The panel as narrow as JupyterLab makes it, wider, and as a tab of the main area: nothing sticks out of it.

import { SECTIONS, THEMES, run } from './lab.mjs';

await run(async (tour, { notebook }) => {
  const { page, found } = tour;
  found.sticking_out = [];
  const look = async name => {
    for (const [word, theme] of THEMES) {
      await tour.theme(theme);
      await tour.shot(`${name}-${word}`);
    }
    await tour.theme(THEMES[0][1]);
    const sticking = await page.evaluate(() => {
      const panel = document.querySelector('#nbops-panel');
      const { left, right } = panel.getBoundingClientRect();
      const isOut = node => {
        const box = node.getBoundingClientRect();
        return box.width > 0 && (box.left < left - 1 || box.right > right + 1);
      };
      const wide = [
        ...panel.querySelectorAll('.nbops-List, .nbops-SearchBar, .nbops-Bar, .nbops-Foot')
      ].filter(node => node.scrollWidth > node.clientWidth + 1);
      const out = [...panel.querySelectorAll('button, select, input, .nbops-Row')].filter(isOut);
      return [...wide, ...out].map(node => `${node.className}: ${node.innerText.slice(0, 60)}`);
    });
    found.sticking_out.push(...sticking.map(each => `${name}: ${each}`));
  };

  await page.setViewportSize({ width: 1280, height: 2000 });
  await tour.open();
  await tour.notebook(notebook);
  await tour.panel();
  for (const section of SECTIONS) {
    await tour.execute('nbops:open-panel', { section });
    await page.locator(`#nbops-section-${section} .nbops-Row[aria-busy=false]`).first().waitFor();
  }
  await tour.stand('runs');
  await page.keyboard.press(' ');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press(' ');
  const widths = await page.evaluate(() => {
    const { shell } = window.jupyterapp;
    const setWidth = width => shell._hsplitPanel.setRelativeSizes([width, 1180 - width, 0]);
    window.setPanelWidth = setWidth;
    return typeof shell._hsplitPanel.setRelativeSizes;
  });
  for (const width of widths === 'function' ? [250, 400] : []) {
    await page.evaluate(width => window.setPanelWidth(width), width);
    await page.waitForTimeout(300);
    found[`width_${width}`] = await page.evaluate(() => document.querySelector('#nbops-panel').clientWidth);
    await look(`panel-${width}`);
  }
  await page.evaluate(() => {
    const { shell } = window.jupyterapp;
    shell.add(
      [...shell.widgets('left')].find(widget => widget.id === 'nbops-panel'),
      'main'
    );
    shell.activateById('nbops-panel');
  });
  await page.locator('.lm-DockPanel #nbops-panel .nbops-Row').first().waitFor();
  await look('panel-main');
});
