// Opens the page of an exported model, reads its self-test, and predicts from its form and from its module.

import { run } from './lab.mjs';

await run(async (tour, { address, fields, rows }) => {
  const { page, found } = tour;
  found.elsewhere = [];
  await page.route('**/*', route => {
    const url = route.request().url();
    if (url.startsWith(address) || url.startsWith('data:')) {
      return route.continue();
    }
    found.elsewhere.push(url);
    return route.abort();
  });
  await page.goto(address);
  await page.waitForFunction(
    () => document.querySelector('#self-test').textContent || !document.querySelector('#problem').hidden
  );
  found.selfTest = await page.textContent('#self-test');
  found.problem = await page.textContent('#problem');
  for (const [label, value] of Object.entries(fields)) {
    await page.getByLabel(label, { exact: true }).fill(value);
  }
  await page.getByRole('button', { name: 'Predict' }).click();
  await page.waitForFunction(
    () => !document.querySelector('#answer').hidden || !document.querySelector('#problem').hidden
  );
  found.prediction = await page.textContent('#prediction');
  found.probabilities = await page.locator('#probabilities tbody td').allTextContents();
  found.notes = await page.locator('#notes li').allTextContents();
  found.answers = await page.evaluate(async rows => {
    const { load } = await import(new URL('./browser/predict.js', document.baseURI).href);
    const model = await load('./');
    return { ...(await model.predict(rows)), selfTest: await model.selfTest() };
  }, rows);
  await tour.shot('exported-model');
});
