// Holds what is on the page against axe, in every theme.

import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { THEMES } from './lab.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds wrong in our own elements. */
async function violations(tour, where) {
  return tour.page.evaluate(async where => {
    const found = await window.axe.run({ include: [where] }, { resultTypes: ['violations'] });
    if (found.passes.length < 5) {
      return [`axe looked at next to nothing in ${where}`];
    }
    return found.violations.flatMap(violation =>
      violation.nodes.map(node => `${violation.id}: ${node.html.slice(0, 160)} ${node.failureSummary ?? ''}`)
    );
  }, where);
}

/** What axe finds wrong within some elements as they look now. */
export async function axeOn(tour, where) {
  await tour.page.evaluate(AXE);
  return violations(tour, where);
}

/** A function that takes a picture in every theme under a name, and notes what axe finds wrong in our elements. */
export function auditor(tour) {
  const { page, found } = tour;
  found.violations = {};
  const audit = async name => {
    await page.evaluate(AXE);
    for (const [word, theme] of THEMES) {
      await tour.theme(theme);
      await tour.shot(`${name}-${word}`);
      const wrong = [
        ...(await violations(tour, '#nbops-panel')),
        ...((await page.locator('.nbops-Document').count()) ? await violations(tour, '.nbops-Document') : [])
      ];
      if (wrong.length) {
        found.violations[`${name}-${word}`] = wrong;
      }
    }
    await tour.theme(THEMES[0][1]);
  };
  /** What is wrong in an element that stands in neither of them, as in a notebook's output. */
  audit.here = async where => {
    await page.evaluate(AXE);
    return violations(tour, where);
  };
  return audit;
}
