import { text } from './format';
import { RunSummary } from './schema';

/**
 * Name the parameters that tell runs apart: those with more than one value among the runs that have them.
 *
 * An estimator logs dozens that are the same everywhere; the one that a sweep tried shall not be lost among them.
 */
export function tellingParams(rows: ReadonlyArray<Pick<RunSummary, 'params'>>): ReadonlySet<string> {
  const seen = new Map<string, string>();
  const telling = new Set<string>();
  for (const { params } of rows) {
    for (const [name, value] of Object.entries(params)) {
      const written = `${typeof value} ${text(value)}`;
      if ((seen.get(name) ?? written) !== written) {
        telling.add(name);
      }
      seen.set(name, written);
    }
  }
  return telling;
}
