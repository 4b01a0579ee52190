import { Notification } from '@jupyterlab/apputils';

import { Problem, ProgressTold } from './schema';
import { IContext } from './tokens';

/** Names of the calls that this page shows. */
const SHOWN = new Set<string>();

/** Whether this page shows where a call stands. */
export function isShown(request: string): boolean {
  return SHOWN.has(request);
}

/** Where a call stands, in JupyterLab's notifications. */
export class CallNotice {
  /** Follow a call by its name; nothing is shown until there is something to say. */
  constructor(
    private readonly _context: IContext,
    private readonly _request: string,
    private readonly _doing: string
  ) {
    SHOWN.add(_request);
    _context.project.progress.connect(this._onProgress, this);
  }

  /** Say that it goes on. */
  show(): string {
    return (this._id ??= Notification.emit(this._doing, 'in-progress', { autoClose: false }));
  }

  /** Say where it stands. */
  tell(told: Pick<ProgressTold, 'title' | 'note' | 'done' | 'total'>): void {
    const { trans } = this._context;
    const progress = told.total ? Math.min(1, told.done / told.total) : undefined;
    Notification.update({
      id: this.show(),
      message: [this._doing, told.title, told.note].filter(Boolean).join('\n'),
      // What says where it stands takes long, and can be ended.
      actions: [
        {
          label: trans.__('Cancel'),
          caption: trans.__('End it at its next step'),
          callback: event => this._cancel(event)
        }
      ],
      progress
    });
  }

  /** Say what came of it. */
  done(message: string): void {
    this._end(message, 'success', 5000);
  }

  /** Say why nothing came of it, and what to do. */
  refused(problem: Pick<Problem, 'detail' | 'hint' | 'code'>): void {
    const message = problem.hint ? `${problem.detail}\n→ ${problem.hint}` : problem.detail;
    this._end(message, problem.code === 'cancelled' ? 'warning' : 'error', false);
  }

  private _onProgress(_: unknown, told: ProgressTold): void {
    if (told.request === this._request && told.state === 'running') {
      this.tell(told);
    }
  }

  private _cancel(event: MouseEvent): void {
    const { client, trans } = this._context;
    // Pressing a button would close the notification; it says how it ended.
    event.preventDefault();
    Notification.update({ id: this.show(), message: trans.__('%1: cancelling', this._doing), actions: [] });
    void client.call('calls/stop', { request: this._request }).catch(() => undefined);
  }

  // Another notification than the one that told of the progress: JupyterLab loses what an update says while it fetches
  // the code that shows the first of them.
  private _end(message: string, type: Notification.TypeOptions, autoClose: number | false): void {
    this._context.project.progress.disconnect(this._onProgress, this);
    if (this._id !== null) {
      Notification.dismiss(this._id);
    }
    Notification.emit(message, type, { autoClose });
  }

  private _id: string | null = null;
}
