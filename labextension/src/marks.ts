import { NotebookPanel } from '@jupyterlab/notebook';
import { TranslationBundle } from '@jupyterlab/translation';

import { NotebookCell } from './schema';

/** Which executions to distrust, by what the notebook looks like now. */
export interface Marks {
  /** The cell has another text than the one that ran. */
  edited: ReadonlySet<string>;
  /** A cell further down the notebook ran before it. */
  outOfOrder: ReadonlySet<string>;
  /** The cell is no longer in the notebook, though a name still holds what it made. */
  gone: ReadonlySet<string>;
  /** How many code cells with text were not run. */
  notRun: number;
}

/**
 * Hold what ran against the notebook as it is now.
 *
 * Takes the newest execution of each cell in the order they ran, and the notebook's code cells from top to bottom.
 */
export function marksOf(
  ran: ReadonlyArray<NotebookCell>,
  cells: ReadonlyArray<{ id: string; source: string }>
): Marks {
  const places = new Map(cells.map((cell, place) => [cell.id, place]));
  const marks = { edited: new Set<string>(), outOfOrder: new Set<string>(), gone: new Set<string>() };
  const seen = new Set<string>();
  let deepest = -1;
  for (const { execution, lives } of ran) {
    const place = execution.cell_id === null ? undefined : places.get(execution.cell_id);
    if (place === undefined) {
      if (execution.cell_id !== null && cells.length > 0 && lives) {
        marks.gone.add(execution.id);
      }
      continue;
    }
    seen.add(execution.cell_id as string);
    // A kernel is sent a cell's text without white space at its end; nor does that around it change anything.
    if (cells[place].source.trim() !== execution.source.trim()) {
      marks.edited.add(execution.id);
    }
    if (place < deepest) {
      marks.outOfOrder.add(execution.id);
    }
    deepest = Math.max(deepest, place);
  }
  return { ...marks, notRun: cells.filter(cell => cell.source.trim() && !seen.has(cell.id)).length };
}

/** What to distrust of a cell: a word, and why. */
export function wordsOf(row: NotebookCell, marks: Marks, trans: TranslationBundle): [string, string][] {
  const words: [string, string][] = [];
  if (row.execution.stale.length) {
    words.push([
      trans.__('stale'),
      trans.__('%1 holds something else since this cell ran', row.execution.stale.join(', '))
    ]);
  }
  if (marks.edited.has(row.execution.id)) {
    words.push([trans.__('edited'), trans.__('The cell now has another text than the one that ran')]);
  }
  if (marks.outOfOrder.has(row.execution.id)) {
    words.push([trans.__('out of order'), trans.__('A cell further down the notebook ran before this one')]);
  }
  if (marks.gone.has(row.execution.id)) {
    words.push([
      trans.__('gone'),
      trans.__('The cell is no longer in the notebook, and what it made lives on')
    ]);
  }
  return words;
}

/** The code cells of a notebook as they stand. */
export function cellsOf(panel: NotebookPanel | null): { id: string; source: string }[] {
  const cells = panel?.context.model?.cells;
  return cells
    ? [...cells]
        .filter(cell => cell.type === 'code')
        .map(cell => ({ id: cell.id, source: cell.sharedModel.getSource() }))
    : [];
}
