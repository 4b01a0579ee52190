import { ISignal, Signal } from '@lumino/signaling';

import { asProblem } from './problem';
import { Problem } from './schema';

/** Rows the server has by the hundred thousand, of which a window is held here. */
export class PagedRows<T> {
  constructor(private readonly _source: PagedRows.ISource<T>) {
    this._pageSize = _source.pageSize ?? 50;
    this._keep = _source.keep ?? 20;
  }

  /** How many rows there are in all; null until the server said so. */
  get total(): number | null {
    return this._total;
  }

  /** Why the last question was not answered. */
  get problem(): Problem | null {
    return this._problem;
  }

  /** Whether the first answer is still awaited. */
  get isLoading(): boolean {
    return this._total === null && this._problem === null;
  }

  /** Something to draw again. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** One row, if it is held here. */
  row(index: number): T | undefined {
    return this._pages.get(Math.floor(index / this._pageSize))?.[index % this._pageSize];
  }

  /** The rows held here, in order. */
  held(): T[] {
    return [...this._pages.entries()].sort(([a], [b]) => a - b).flatMap(([, rows]) => rows);
  }

  /** Say which rows are in view; those missing are fetched. */
  show(first: number, last: number): void {
    this._view = [first, last];
    for (const page of this._pagesInView()) {
      if (!this._pages.has(page) && !this._asked.has(page)) {
        void this._load(page, this._generation);
      }
    }
  }

  /** Ask again for what is in view; what is drawn stays until the answer is here. */
  async refresh(): Promise<void> {
    if (this._refreshing) {
      this._again = true;
      return;
    }
    this._refreshing = true;
    try {
      do {
        this._again = false;
        await this._refreshOnce();
      } while (this._again);
    } finally {
      this._refreshing = false;
    }
  }

  /** Forget everything: another question is asked from now on. */
  async reset(): Promise<void> {
    this._generation++;
    this._view = [0, 0];
    await this.refresh();
  }

  /** Empty the list, without asking anything. */
  clear(): void {
    this._generation++;
    this._pages.clear();
    this._asked.clear();
    this._total = null;
    this._problem = null;
    this._changed.emit();
  }

  private async _refreshOnce(): Promise<void> {
    const generation = ++this._generation;
    this._asked.clear();
    const wanted = this._pagesInView();
    try {
      // Counted beside the rows where there were more than are in view. They do not wait for it: a filter can make it the
      // slower of the two.
      const seen = (wanted[wanted.length - 1] + 1) * this._pageSize;
      const early = this._total !== null && this._total > seen ? this._source.count?.() : undefined;
      early?.catch(() => undefined);
      const pages = await this._fetchPages(wanted);
      if (generation !== this._generation) {
        return;
      }
      this._pages = new Map(pages);
      this._problem = null;
      const isEnd = this._isEnd(pages);
      if (isEnd || this._source.count === undefined || this._total === null) {
        this._total = knownTotal(pages, this._pageSize);
      }
      this._changed.emit();
      if (isEnd || this._source.count === undefined) {
        return;
      }
      const total = await (early ?? this._source.count());
      if (generation === this._generation && total !== this._total) {
        this._total = total;
        this._changed.emit();
      }
    } catch (error) {
      if (generation === this._generation) {
        this._problem = asProblem(error);
        this._pages.clear();
        this._total = null;
        this._changed.emit();
      }
    }
  }

  private async _load(page: number, generation: number): Promise<void> {
    this._asked.add(page);
    try {
      const rows = await this._fetch(page);
      if (generation === this._generation) {
        this._pages.set(page, rows);
        if (this._source.count === undefined) {
          this._total = Math.max(this._total ?? 0, knownTotal([[page, rows]], this._pageSize));
        }
        this._forget();
        this._changed.emit();
      }
    } catch (error) {
      if (generation === this._generation) {
        this._problem = asProblem(error);
        this._changed.emit();
      }
    } finally {
      this._asked.delete(page);
    }
  }

  private _fetch(page: number): Promise<T[]> {
    return this._source.fetch(page * this._pageSize, this._pageSize);
  }

  /** Fetch pages that follow each other with one question. */
  private async _fetchPages(pages: number[]): Promise<[number, T[]][]> {
    const size = this._pageSize;
    const rows = await this._source.fetch(pages[0] * size, pages.length * size);
    return pages.map((page, at) => [page, rows.slice(at * size, (at + 1) * size)]);
  }

  /** Whether these pages say by themselves how many rows there are: they reach a row, and the end behind it. */
  private _isEnd(pages: [number, T[]][]): boolean {
    const rows = countOf(pages);
    return rows < pages.length * this._pageSize && (rows > 0 || pages[0][0] === 0);
  }

  private _pagesInView(): number[] {
    const [first, last] = this._view.map(index => Math.floor(Math.max(0, index) / this._pageSize));
    return Array.from({ length: Math.min(last - first, 3) + 1 }, (_, step) => first + step);
  }

  private _forget(): void {
    const inView = new Set(this._pagesInView());
    for (const page of this._pages.keys()) {
      if (this._pages.size <= this._keep) {
        return;
      }
      if (!inView.has(page)) {
        this._pages.delete(page);
      }
    }
  }

  private readonly _pageSize: number;
  private readonly _keep: number;
  private readonly _changed = new Signal<this, void>(this);
  private readonly _asked = new Set<number>();
  private _pages = new Map<number, T[]>();
  private _total: number | null = null;
  private _problem: Problem | null = null;
  private _view: [number, number] = [0, 0];
  private _generation = 0;
  private _refreshing = false;
  private _again = false;
}

export namespace PagedRows {
  export interface ISource<T> {
    fetch(offset: number, limit: number): Promise<T[]>;
    /** How many rows there are; where nobody counts, the list ends with the first page that is not full. */
    count?(): Promise<number>;
    pageSize?: number;
    /** How many pages are held at most. */
    keep?: number;
  }
}

/** The total as far as pages that follow each other tell it: behind full ones there may be one more row. */
function knownTotal(pages: (readonly [number, unknown[]])[], pageSize: number): number {
  const rows = countOf(pages);
  const end = pages[0][0] * pageSize + rows;
  return rows === pages.length * pageSize ? end + 1 : end;
}

function countOf(pages: (readonly [number, unknown[]])[]): number {
  return pages.reduce((sum, [, rows]) => sum + rows.length, 0);
}
