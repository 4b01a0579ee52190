// A hub's user logs in, gets a server of their own, and works with the panel there: below the user's address, with the
// hub's cookies and XSRF tokens.

import { run } from './lab.mjs';

await run(async (tour, { user, notebook }) => {
  const { page, found } = tour;
  const hub = new URL(process.env.NBOPS_LAB);
  const password = hub.searchParams.get('token');
  await page.goto(`${hub.origin}/hub/login`);
  await page.locator('#username_input').fill(user);
  await page.locator('#password_input').fill(password);
  await page.locator('#login_submit').click();
  await page.waitForURL(`**/user/${user}/lab**`, { timeout: 60_000 });
  await tour.stands();
  found.requests_before_opening = tour.requests.length;

  // Read, and heard through the hub's proxy.
  await tour.panel();
  await tour.notebook(notebook);
  await tour.execute('notebook:run-all-cells');
  await tour.row('accuracy 0.5').waitFor({ timeout: 60_000 });
  found.rows = await page.locator('.nbops-Runs .nbops-Row-title').allInnerTexts();

  // Changed: by the panel with the server's XSRF token, by nobody without.
  const id = await page.locator('[data-nbops-run]').first().getAttribute('data-nbops-run');
  const api = `${hub.origin}/user/${user}/nbops/api/v1`;
  const cookies = await page.context().cookies(api);
  const headers = { Cookie: cookies.map(({ name, value }) => `${name}=${value}`).join('; ') };
  const rename = async more => {
    const body = JSON.stringify({ run: id, name: 'by a script' });
    return (await fetch(`${api}/rename`, { method: 'POST', headers: { ...headers, ...more }, body })).status;
  };
  found.without_xsrf = await rename({});
  found.with_xsrf = await rename({ 'X-XSRFToken': cookies.find(({ name }) => name === '_xsrf').value });
  void tour.execute('nbops:rename-run', { run: id });
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox').fill('renamed');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await tour.row('renamed').waitFor();

  // A stranger is answered nothing.
  found.stranger = (await fetch(`${api}/runs`, { redirect: 'manual' })).status;
  found.requests = [...new Set(tour.requests.map(request => request.split('/nbops/')[0]))];
  await tour.shot('hub');
});
