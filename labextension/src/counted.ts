import { number } from './format';
import { ProgressTold } from './schema';

/** How far something has come, and what is left: `3/8 runs, about 2 min left`. */
export function counted(told: Pick<ProgressTold, 'done' | 'total'> & Partial<ProgressTold>): string {
  const count = told.total
    ? `${number(told.done, 3)}/${number(told.total, 3)} ${told.unit ?? ''}`.trim()
    : '';
  return [count, told.left].filter(Boolean).join(', ');
}
