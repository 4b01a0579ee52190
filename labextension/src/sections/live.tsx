import { ReactWidget } from '@jupyterlab/ui-components';

import { IContext, ISectionAction, ISectionContent } from '../tokens';

/** A section that shows what is in the store, and asks only while somebody looks. */
export abstract class LiveSection extends ReactWidget implements ISectionContent {
  constructor(protected readonly context: IContext) {
    super();
    this.addClass('nbops-Section-content');
    context.project.news.connect(this._onNews, this);
    context.project.changed.connect(this._onProject, this);
  }

  /** Tables whose writes change what is shown. */
  protected abstract readonly tables: ReadonlyArray<string>;

  /** Ask for what is shown. */
  protected abstract refresh(): void;

  /** Another project: forget what is shown. */
  protected abstract forget(): void;

  readonly actions: ReadonlyArray<ISectionAction> = [];

  get widget(): this {
    return this;
  }

  /** Time passes while one looks: ages such as "2 min" grow. */
  protected tick(): void {
    this.update();
  }

  /** Whether somebody looks just now. */
  protected get isAwake(): boolean {
    return this._isAwake;
  }

  wake(): void {
    this._isAwake = true;
    this._clock = window.setInterval(() => this.tick(), 30_000);
    if (this._isStale) {
      this._isStale = false;
      this.refresh();
    }
    this.update();
  }

  sleep(): void {
    this._isAwake = false;
    window.clearInterval(this._clock);
  }

  override dispose(): void {
    if (!this.isDisposed) {
      this.sleep();
      this.context.project.news.disconnect(this._onNews, this);
      this.context.project.changed.disconnect(this._onProject, this);
      super.dispose();
    }
  }

  /** Ask now if somebody looks, else at the next look. */
  protected refreshWhenSeen(): void {
    if (this._isAwake) {
      this.refresh();
    } else {
      this._isStale = true;
    }
  }

  private _onNews(_: unknown, tables: ReadonlyArray<string>): void {
    if (tables.length === 0 || tables.some(table => this.tables.includes(table))) {
      this.refreshWhenSeen();
    }
  }

  private _onProject(_: unknown, isAnother: boolean): void {
    if (isAnother) {
      this.forget();
    }
    this.refreshWhenSeen();
  }

  private _isAwake = false;
  private _isStale = true;
  private _clock = 0;
}
