import { TranslationBundle } from '@jupyterlab/translation';

import { Problem } from './schema';

/** A refusal as a person reads it: what happened, and the cure below. */
export function problemWords(
  problem: Pick<Problem, 'detail' | 'hint' | 'code'>,
  trans: TranslationBundle
): string {
  if (problem.code === 'unreachable') {
    return trans.__(
      'The server does not answer. Whether it still did what it was asked shows when it is back.'
    );
  }
  return problem.hint ? `${problem.detail}\n→ ${problem.hint}` : problem.detail;
}
