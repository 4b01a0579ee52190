import { describe, expect, it } from 'vitest';

import { marksOf } from '../src/marks';
import { NotebookCell } from '../src/schema';

const ran = (id: string, cell_id: string | null, source: string, lives = true) =>
  ({ execution: { id, cell_id, source }, lives }) as unknown as NotebookCell;
const names = (set: ReadonlySet<string>) => [...set];

describe('marks of a notebook', () => {
  const cells = [
    { id: 'a', source: 'x = 1' },
    { id: 'b', source: 'y = x' },
    { id: 'c', source: 'z = y' },
    { id: 'd', source: '   ' }
  ];

  it('has none where everything ran from top to bottom', () => {
    const marks = marksOf([ran('1', 'a', 'x = 1'), ran('2', 'b', 'y = x\n'), ran('3', 'c', 'z = y')], cells);
    expect([names(marks.edited), names(marks.outOfOrder), names(marks.gone), marks.notRun]).toEqual([
      [],
      [],
      [],
      0
    ]);
  });

  it('tells edited, out of order, gone and not run', () => {
    const marks = marksOf([ran('1', 'c', 'z = 0'), ran('2', 'a', 'x = 1'), ran('3', 'old', 'w')], cells);
    expect(names(marks.edited)).toEqual(['1']);
    expect(names(marks.outOfOrder)).toEqual(['2']);
    expect(names(marks.gone)).toEqual(['3']);
    expect(marks.notRun).toBe(1);
  });

  it('says nothing of a cell that is gone with all it made', () => {
    const marks = marksOf([ran('1', 'old', 'w', false)], cells);
    expect(names(marks.gone)).toEqual([]);
  });

  it('says nothing of executions that no cell is known for', () => {
    const marks = marksOf([ran('1', null, 'x')], cells);
    expect(names(marks.gone)).toEqual([]);
  });
});
