/** What the kernel tells while a cell waits. */
export const LIVE = 'application/vnd.nbops.progress+json';

/** Where a command of the kernel stands. */
export interface ILiveProgress {
  /** The output's name, by which the kernel's messages call it. */
  display: string;
  /** The execution of the cell that waits; null where none is recorded. */
  execution: string | null;
  /** What is cancelled: a sweep; null where only an interrupt ends it. */
  cancels: string | null;
  stages: ReadonlyArray<{
    title: string;
    words: ReadonlyArray<string>;
    notes: ReadonlyArray<string>;
    done: number;
    total: number;
    is_over: boolean;
  }>;
}
