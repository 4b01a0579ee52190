// Holds what is on the page against axe, in every theme.

import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { THEMES } from './lab.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds wrong in our own elements. */
async function violations(tour, where, left_out = []) {
  return tour.page.evaluate(
    async ([where, left_out]) => {
      const rules = Object.fromEntries(left_out.map(rule => [rule, { enabled: false }]));
      const found = await window.axe.run({ include: [where] }, { resultTypes: ['violations'], rules });
      if (found.passes.length < 5) {
        return [`axe looked at next to nothing in ${where}`];
      }
      return found.violations.flatMap(violation =>
        violation.nodes.map(
          node => `${violation.id}: ${node.html.slice(0, 160)} ${node.failureSummary ?? ''}`
        )
      );
    },
    [where, left_out]
  );
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
  /** The same for something that stands before the page, such as a dialogue or a menu. */
  audit.over = async (name, where, left_out) => {
    await page.evaluate(AXE);
    for (const [word, theme] of THEMES) {
      await tour.theme(theme);
      await tour.shot(`${name}-${word}`);
      const wrong = await violations(tour, where, left_out);
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
