// A notebook that ran elsewhere is opened: untrusted, trusted, and as a page that nbconvert made. Its tables and pictures
// are there to be read in every theme, and nothing of them runs.

import { axeOn } from './axe.mjs';
import { run, THEMES } from './lab.mjs';

await run(async (tour, args) => {
  const { page, found } = tour;
  const look = async (name, within) => {
    await page.locator(`${within} table`).nth(2).waitFor({ state: 'attached' });
    await page.locator(`${within} img`).first().waitFor({ state: 'attached' });
    return {
      texts: await page.locator(`${within} table`).allInnerTexts(),
      pictures: await page.evaluate(
        within => [...document.querySelectorAll(`${within} img`)].map(image => image.naturalWidth),
        within
      ),
      complaints: await page.getByText(/error displaying widget|loading widget/i).count(),
      hacked: await page.evaluate(() => window.hacked ?? null),
      violations: await axeOn(tour, `${within} table`)
    };
  };
  const lab = async name => {
    const outputs = '.jp-OutputArea-output';
    await tour.execute('docmanager:open', { path: args.notebook });
    await page.locator(`${outputs} table`).first().waitFor();
    // All of a notebook is in the page when it was drawn once.
    await page.evaluate(() => window.jupyterapp.shell.currentWidget.content.scrollToItem(3));
    const seen = await look(name, outputs);
    for (const [word, theme] of THEMES) {
      await tour.theme(theme);
      await tour.shot(`reopened-${name}-${word}`);
      seen.violations.push(...(await axeOn(tour, `${outputs} table`)));
    }
    await tour.theme(THEMES[0][1]);
    return seen;
  };

  await tour.open();
  found.untrusted = await lab('untrusted');
  const trusting = tour.execute('notebook:trust');
  await page.locator('.jp-Dialog button', { hasText: 'Trust' }).last().click();
  await trusting;
  await tour.execute('docmanager:save');
  await page.waitForTimeout(2500);
  await page.reload();
  await page.waitForFunction(() => window.jupyterapp !== undefined);
  await page.evaluate(() => window.jupyterapp.restored);
  found.trusted = await lab('trusted');

  // Offline: what the page would fetch from elsewhere does not come.
  await page.route(/^https?:/, route => route.abort());
  await page.goto(`file://${args.page}`);
  found.converted = await look('converted', '.jp-OutputArea-output');
  await tour.shot('reopened-converted');
  tour.errors = tour.errors.filter(error => !/ERR_FAILED|requirejs? is not defined|MathJax/.test(error));
});
