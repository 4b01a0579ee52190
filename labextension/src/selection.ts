import { ISignal, Signal } from '@lumino/signaling';

/** Which runs are listed: those in use, those put aside, or those in the trash. */
export type Shelf = 'listed' | 'archived' | 'deleted';

/** Which runs are meant: one that is looked at, and some that are marked to be compared. */
export class Selection {
  /** The run whose cells are shown; null: the newest. */
  get current(): string | null {
    return this._current;
  }

  /** Marked runs, in the order they were marked. */
  get marked(): ReadonlyArray<string> {
    return [...this._marked];
  }

  get shelf(): Shelf {
    return this._shelf;
  }

  set shelf(shelf: Shelf) {
    if (shelf !== this._shelf) {
      this._shelf = shelf;
      this._marked.clear();
      this._current = null;
      this._changed.emit();
    }
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Another question to the list of runs, such as those of one sweep. */
  get asked(): ISignal<this, string> {
    return this._asked;
  }

  ask(expression: string): void {
    this._asked.emit(expression);
  }

  isMarked(run: string): boolean {
    return this._marked.has(run);
  }

  look(run: string | null): void {
    if (run !== this._current) {
      this._current = run;
      this._changed.emit();
    }
  }

  toggle(run: string): void {
    if (!this._marked.delete(run)) {
      this._marked.add(run);
    }
    this._changed.emit();
  }

  clear(): void {
    if (this._marked.size || this._current) {
      this._marked.clear();
      this._current = null;
      this._changed.emit();
    }
  }

  unmark(): void {
    if (this._marked.size) {
      this._marked.clear();
      this._changed.emit();
    }
  }

  private readonly _marked = new Set<string>();
  private readonly _changed = new Signal<this, void>(this);
  private readonly _asked = new Signal<this, string>(this);
  private _shelf: Shelf = 'listed';
  private _current: string | null = null;
}
