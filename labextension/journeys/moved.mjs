// A section is moved to the file browser by its title's menu and the keyboard, is there after a reload, and comes back to its place.

import { auditor } from './axe.mjs';
import { run } from './lab.mjs';

await run(async tour => {
  const { page, found } = tour;
  const audit = auditor(tour);
  const title = name => page.locator('.jp-AccordionPanel-title', { hasText: name });
  const inside = selector => page.locator(`${selector} #nbops-section-models .nbops-Row[aria-busy=false]`);
  const names = () =>
    page.evaluate(() =>
      [...document.querySelectorAll('#nbops-panel .jp-AccordionPanel-title')].map(each =>
        each.textContent.trim()
      )
    );
  await tour.open();
  await tour.panel();
  found.before = await names();
  await title('Models').focus();
  await tour.choose('Move to File Browser');
  await tour.execute('nbops:open-panel', { section: 'models' });
  await inside('#filebrowser, .jp-FileBrowser').first().waitFor();
  found.without = await names();
  await audit.over('moved-section', '#nbops-section-models');

  await tour.execute('nbops:open-panel', { section: 'endpoints' });
  await page.locator('#nbops-panel #nbops-section-endpoints .nbops-Row').first().waitFor();
  await page.waitForTimeout(1500); // the layout is saved a second after the last change
  await page.reload();
  await tour.stands();
  await tour.execute('nbops:open-panel', { section: 'models' });
  await inside('#filebrowser, .jp-FileBrowser').first().waitFor();
  await title('Models').click({ button: 'right' });
  await page.locator('.lm-Menu-item', { hasText: 'Move back to nbops' }).click();
  await tour.execute('nbops:open-panel', { section: 'models' });
  await inside('#nbops-panel').first().waitFor();
  found.after = await names();
  // JupyterLab's file browser asks for sizes of the panel that it has just removed with its last guest.
  tour.errors = tour.errors.filter(error => !/removeSectionWidget/.test(error));
});
