import { Contents, Event, ServiceManager } from '@jupyterlab/services';
import { PathExt } from '@jupyterlab/coreutils';
import { IDisposable, DisposableDelegate } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import { ISignal, Signal } from '@lumino/signaling';

import { Client } from './client';
import { asProblem } from './problem';
import {
  CALL_ENDED,
  CallEnded,
  Problem,
  PROGRESS,
  ProgressTold,
  ProjectState,
  STORE_CHANGED,
  StoreChanged
} from './schema';

/** The panel says this often that somebody looks; the server listens for 90 seconds. */
const LEASE_MS = 60_000;

/** Which project the panel acts on, and news of it. Costs no request until somebody looks. */
export class Project implements IDisposable {
  constructor(
    readonly client: Client,
    private readonly _services: ServiceManager.IManager
  ) {
    this._lease = new Poll({
      auto: false,
      factory: () => this._ask(),
      frequency: { interval: LEASE_MS, backoff: true, max: 5 * LEASE_MS },
      standby: 'when-hidden',
      name: 'nbops:project'
    });
  }

  /** The folder below the server's root whose project is acted on. */
  get path(): string {
    return this._path;
  }

  /** What the server says of it; null until asked. */
  get state(): ProjectState | null {
    return this._state;
  }

  /** Why the server could not say. */
  get problem(): Problem | null {
    return this._problem;
  }

  /** Something new is known of the project; true when it is another one than what was shown so far belongs to. */
  get changed(): ISignal<this, boolean> {
    return this._changed;
  }

  /** Tables that were written to; empty when it may be any. */
  get news(): ISignal<this, ReadonlyArray<string>> {
    return this._news;
  }

  /** Where calls stand that take time. */
  get progress(): ISignal<this, ProgressTold> {
    return this._progress;
  }

  /** A call is over; whoever called it is answered. */
  get ended(): ISignal<this, CallEnded> {
    return this._ended;
  }

  /** Act on the project of another file or folder. */
  follow(path: string, contents: Contents.IManager): void {
    const folder = PathExt.dirname(contents.localPath(path));
    this.open(folder === '.' ? '' : folder);
  }

  /** Act on the project of another folder. */
  open(folder: string): void {
    if (folder === this._path) {
      return;
    }
    this._path = folder;
    if (this._viewers > 0) {
      void this._lease.refresh();
    } else {
      this._state = null;
    }
  }

  /** Hear of news for as long as the returned object lives. */
  watch(): IDisposable {
    if (this._viewers++ === 0) {
      this._listen();
      void this._lease.refresh();
    }
    return new DisposableDelegate(() => {
      if (--this._viewers === 0) {
        void this._lease.stop();
      }
    });
  }

  /** What the server says of it, asked for when it is not known yet. */
  async known(): Promise<ProjectState | null> {
    if (this._state === null) {
      this._state = await this.client.call('project', {}, { project: this._path });
    }
    return this._state;
  }

  /** Ask for everything again. */
  async refresh(): Promise<void> {
    await this._lease.refresh();
    await this._lease.tick;
    this._news.emit([]);
  }

  get isDisposed(): boolean {
    return this._lease.isDisposed;
  }

  dispose(): void {
    if (!this.isDisposed) {
      this._lease.dispose();
      Signal.clearData(this);
    }
  }

  private _listen(): void {
    if (!this._listens) {
      this._listens = true;
      this._services.events.stream.connect(this._onEvent, this);
    }
  }

  private _onEvent(_: Event.IManager | unknown, emission: Event.Emission): void {
    if (emission.schema_id === STORE_CHANGED) {
      const told = emission as unknown as StoreChanged;
      if (told.root === this._state?.root) {
        this._state = { ...this._state, exists: true, seq: told.seq };
        this._news.emit(told.nouns);
      }
    } else if (emission.schema_id === PROGRESS) {
      this._progress.emit(emission as unknown as ProgressTold);
    } else if (emission.schema_id === CALL_ENDED) {
      this._ended.emit(emission as unknown as CallEnded);
    }
  }

  private async _ask(): Promise<void> {
    const path = this._path;
    const before = this._state;
    try {
      const state = await this.client.call('project', {}, { project: path });
      if (path !== this._path) {
        return;
      }
      this._state = state;
      this._problem = null;
    } catch (error) {
      this._state = null;
      this._problem = asProblem(error);
    }
    if (before?.root !== this._state?.root || before?.store !== this._state?.store || this._problem) {
      this._changed.emit(this._becameAnother(path));
    } else if (before?.seq !== this._state?.seq) {
      // Written to while the event bus was not heard: a sleeping laptop, a restarted server.
      this._news.emit([]);
    }
    if (this._problem) {
      throw new Error(this._problem.detail);
    }
  }

  /**
   * Tell whether what is shown belongs to another project, and remember the one that is acted on from now on.
   *
   * Rows of this project are often there before the server has said what project it is; those stay, and so do marks
   * that somebody set on them meanwhile.
   */
  private _becameAnother(path: string): boolean {
    const { root, store } = this._state ?? {};
    const shown = this._shown;
    if (root === undefined) {
      return false;
    }
    this._shown = { path, root, store };
    return shown.root === undefined ? shown.path !== path : shown.root !== root || shown.store !== store;
  }

  private readonly _lease: Poll;
  private readonly _changed = new Signal<this, boolean>(this);
  private readonly _news = new Signal<this, ReadonlyArray<string>>(this);
  private readonly _progress = new Signal<this, ProgressTold>(this);
  private readonly _ended = new Signal<this, CallEnded>(this);
  private _path = '';
  private _shown: { path: string; root?: string; store?: string } = { path: '' };
  private _state: ProjectState | null = null;
  private _problem: Problem | null = null;
  private _viewers = 0;
  private _listens = false;
}
