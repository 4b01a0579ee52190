// A model is deployed from the form below a cell, by keyboard alone: cancelled once, refused once, then done.

import { axeOn } from './axe.mjs';
import { run } from './lab.mjs';

await run(async (tour, args) => {
  const { page, found } = tour;
  await tour.open();
  await tour.notebook(args.notebook);
  await tour.execute('notebook:run-all-cells');
  const form = page.getByRole('form', { name: 'Deploy a model' });
  await form.waitFor({ timeout: 60_000 });
  found.models = await form.getByLabel('Model').locator('option').allInnerTexts();
  found.name = await form.getByLabel('Endpoint').inputValue();
  found.violations = [];
  for (const [word, theme] of [
    ['contrast', 'JupyterLab Dark High Contrast'],
    ['dark', 'JupyterLab Dark'],
    ['light', 'JupyterLab Light']
  ]) {
    await tour.theme(theme);
    await tour.shot(`deploy-widget-${word}`);
    found.violations.push(...(await axeOn(tour, '.nbops-live')));
  }

  const alert = text => form.getByRole('alert').filter({ hasText: text }).waitFor({ timeout: 60_000 });
  const type = async (label, text) => {
    await form.getByLabel(label, { exact: true }).focus();
    await page.keyboard.press('ControlOrMeta+A');
    await page.keyboard.press('Delete');
    await page.keyboard.type(text);
  };
  await form.getByLabel('Engine').focus();
  await page.keyboard.type('process');
  await type('Endpoint', 'No Name');
  await page.keyboard.press('Enter');
  await alert('cannot be an endpoint');
  found.refused = await form.getByRole('alert').innerText();

  await type('Endpoint', 'churn');
  await form.getByText('More options').focus();
  await page.keyboard.press('Enter');
  found.more = await form.locator('details label').allInnerTexts();
  await tour.shot('deploy-widget-more');
  found.violations.push(...(await axeOn(tour, '.nbops-live')));
  await type('API keys', 'nobodys.txt');
  await page.keyboard.press('Enter');
  await alert('nobodys.txt');
  found.keyless = await form.getByRole('alert').innerText();
  await type('API keys', '');

  await page.keyboard.press('Enter');
  await form.getByRole('button', { name: 'Cancel' }).waitFor();
  await page.keyboard.press('Enter');
  await alert('cancelled');

  await page.keyboard.press('Enter');
  await form.locator('progress, td.good').first().waitFor({ timeout: 60_000 });
  await tour.shot('deploy-widget-going-on');
  await form.waitFor({ state: 'detached', timeout: 90_000 });
  const shown = page.locator('.jp-OutputArea-output', { hasText: 'http://127.0.0.1' });
  await shown.waitFor();
  found.deployed = await shown.innerText();
  await tour.shot('deploy-widget-done');
  await tour.execute('docmanager:save');
});
