// Drives a real JupyterLab in a real Chromium, for the browser tests and the pictures of the documentation.
//
// A journey is `run(async tour => …)`. It is told where to go by the environment: NBOPS_LAB (address with token),
// NBOPS_SHOTS (folder for pictures), NBOPS_CHROMIUM, and NBOPS_ARGS (JSON of the journey's own). It prints one JSON
// object: what it found, and every error of the console.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

export const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync'
];

// Errors that no code of nbops makes, and that come and go with the load of the machine.
const NOT_OURS = [
  // Whoever starts a container meanwhile changes the machine's network; the browser then drops requests, also local ones.
  'ERR_NETWORK_CHANGED',
  // JupyterLab's notebook gives up scrolling to one cell when it is asked for the next, and nobody catches that.
  'Scrolling to a new item is requested',
  // Its debugger complains of a kernel that is restarted, and so do comms whose subshell was not there yet.
  'restore the debugger state',
  'subshell creation failed'
];

/** Start a browser, do the journey, print what it found, and leave nothing behind. */
export async function run(journey) {
  const profile = mkdtempSync(join(tmpdir(), 'nbops-browser-'));
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.NBOPS_CHROMIUM ?? '/usr/bin/chromium',
    args: FLAGS,
    viewport: { width: 1280, height: 800 },
    deviceScaleFactor: 1
  });
  const tour = new Tour(await browser.newPage());
  let failure = null;
  try {
    const limit = Number(process.env.NBOPS_SECONDS ?? 120);
    await Promise.race([
      journey(tour, JSON.parse(process.env.NBOPS_ARGS ?? '{}')),
      new Promise((_, reject) =>
        setTimeout(reject, limit * 1000, new Error(`not done after ${limit} s`)).unref()
      )
    ]);
  } catch (error) {
    failure = String(error.stack ?? error);
    // What the journey still waited for fails with the browser, and would end this process before it has told.
    process.on('unhandledRejection', () => undefined);
    await tour.shot('failure').catch(() => undefined);
  } finally {
    await browser.close();
    rmSync(profile, { recursive: true, force: true });
  }
  const errors = tour.errors.filter(error => !NOT_OURS.some(known => error.includes(known)));
  console.log(JSON.stringify({ failure, errors, found: tour.found }));
  process.exitCode = failure ? 1 : 0;
}

/** One tab, and the words journeys are written in. */
export class Tour {
  constructor(page) {
    this.page = page;
    this.errors = [];
    this.requests = [];
    this.found = {};
    page.on('console', message => {
      if (message.type() === 'error') {
        this.errors.push(`${message.text()} ${message.location().url}`);
      }
    });
    // What was thrown without being an Error has no stack.
    page.on('pageerror', error => this.errors.push(error.stack || `${error.name}: ${error.message}`));
    page.on('request', request => {
      if (request.url().includes('/nbops/api/')) {
        this.requests.push(`${request.method()} ${new URL(request.url()).pathname}`);
      }
    });
  }

  /** Open JupyterLab and wait until it stands. */
  async open(path = '') {
    const address = new URL(process.env.NBOPS_LAB);
    address.pathname += path;
    await this.page.goto(address.href);
    await this.stands();
  }

  /** Wait until JupyterLab stands. */
  async stands() {
    await this.page.waitForFunction(() => window.jupyterapp !== undefined);
    await this.page.evaluate(() => window.jupyterapp.restored);
    await this.page.waitForSelector('#jupyterlab-splash', { state: 'detached' });
    // The launcher takes the focus late; what is typed before would go there.
    await this.page
      .waitForFunction(() => document.activeElement !== document.body, null, { timeout: 5000 })
      .catch(() => undefined);
  }

  execute(command, args = {}) {
    return this.page.evaluate(
      async ([command, args]) => {
        // What a command returns may be a widget, which does not travel.
        await window.jupyterapp.commands.execute(command, args);
      },
      [command, args]
    );
  }

  /** Open a notebook and wait until its kernel can take a cell. */
  async notebook(path) {
    await this.execute('docmanager:open', { path });
    await this.page.evaluate(async () => {
      const { sessionContext } = window.jupyterapp.shell.currentWidget;
      await sessionContext.ready;
      await sessionContext.session.kernel.info;
    });
  }

  panel() {
    return this.execute('nbops:open-panel');
  }

  row(text) {
    return this.page.locator('#nbops-panel .nbops-Row', { hasText: text }).first();
  }

  /** Stand on the first row of a section's list, as somebody does who came there with the Tab key. */
  async stand(section) {
    await this.execute('nbops:open-panel', { section });
    const list = this.page.locator(`#nbops-section-${section} .nbops-List`);
    await list.locator('.nbops-Row[aria-busy=false]').first().waitFor();
    await list.focus();
    await this.page.keyboard.press('Home');
    return list;
  }

  /** Open the menu of what one stands on with the keyboard, and choose from it with the arrows. */
  async choose(label) {
    await this.page.keyboard.press('Shift+F10');
    const active = this.page.locator('.lm-Menu .lm-Menu-item.lm-mod-active .lm-Menu-itemLabel');
    await this.page.locator('.lm-Menu').waitFor();
    for (let step = 0; step < 40; step++) {
      await this.page.keyboard.press('ArrowDown');
      if ((await active.innerText()) === label) {
        await this.page.keyboard.press('Enter');
        return;
      }
    }
    throw new Error(`the menu has no ${label} that can be chosen`);
  }

  /** Wait for a notification that says this, and take it away. */
  async told(text) {
    const toast = this.page.locator('.Toastify__toast', { hasText: text }).last();
    await toast.waitFor({ timeout: 90_000 });
    const said = await toast.innerText();
    await toast.getByRole('button', { name: /hide|close/i }).click();
    return said;
  }

  async theme(name) {
    await this.execute('apputils:change-theme', { theme: name });
    // The sheet comes over the network; its colours are there when the variable has changed.
    await this.page.waitForFunction(name => document.body.dataset.jpThemeName === name, name);
    await this.page.waitForTimeout(300);
  }

  async shot(name) {
    const folder = process.env.NBOPS_SHOTS;
    if (folder) {
      mkdirSync(folder, { recursive: true });
      await this.page.screenshot({ path: join(folder, `${name}.png`) });
    }
  }

  /** Pictures of the same thing in every theme. */
  async shots(name) {
    for (const [word, theme] of THEMES) {
      await this.theme(theme);
      await this.shot(`${name}-${word}`);
    }
    await this.theme(THEMES[0][1]);
  }
}

export const THEMES = [
  ['light', 'JupyterLab Light'],
  ['dark', 'JupyterLab Dark'],
  ['contrast', 'JupyterLab Dark High Contrast']
];

/** The panel's sections from the top. */
export const SECTIONS = [
  'runs',
  'cells',
  'notebook',
  'lineage',
  'modules',
  'sweeps',
  'schedules',
  'models',
  'endpoints'
];
