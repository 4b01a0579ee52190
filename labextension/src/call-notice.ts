import { Notification } from '@jupyterlab/apputils';

import { counted } from './counted';
import { UnderWay } from './notices';
import { problemWords } from './problem-words';
import { Problem, ProgressTold } from './schema';
import { IContext } from './tokens';

/** Where a call stands, as its page was told or as another page asks. */
type Standing = Pick<ProgressTold, 'title' | 'note' | 'done' | 'total'> &
  Partial<Pick<ProgressTold, 'unit' | 'left'>>;

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
    doing: string
  ) {
    this._notice = new UnderWay(doing, _context.trans);
    SHOWN.add(_request);
    _context.project.progress.connect(this._onProgress, this);
  }

  /** Say where it stands. */
  tell(told: Standing): void {
    const progress = told.total ? Math.min(1, told.done / told.total) : undefined;
    this._notice.stand([told.title, counted(told), told.note], progress, () => this._cancel());
  }

  /** Say what came of it. */
  done(message: string): void {
    this._end(message, 'success', 5000);
  }

  /** Say why nothing came of it, and what to do. */
  refused(problem: Pick<Problem, 'detail' | 'hint' | 'code'>): void {
    const words = problemWords(problem, this._context.trans);
    this._end(words, problem.code === 'cancelled' ? 'warning' : 'error', false);
  }

  private _onProgress(_: unknown, told: ProgressTold): void {
    if (told.request === this._request && told.state === 'running') {
      this.tell(told);
    }
  }

  private _cancel(): void {
    void this._context.client.call('calls/stop', { request: this._request }).catch(() => undefined);
  }

  private _end(message: string, type: Notification.TypeOptions, autoClose: number | false): void {
    this._context.project.progress.disconnect(this._onProgress, this);
    this._notice.end(message, type, { autoClose });
  }

  private readonly _notice: UnderWay;
}
