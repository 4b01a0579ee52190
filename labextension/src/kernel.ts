import { NotebookPanel } from '@jupyterlab/notebook';

import { ILiveProgress, LIVE } from './live-message';

/** What became of a `%nbops` line. */
export interface ILineResult {
  /** Its answer, or why there is none; empty where there was no kernel to ask. */
  text: string;
  isError: boolean;
  /** Whether it was ended before it was done. */
  isCancelled: boolean;
}

/** A `%nbops` line in the kernel of a notebook, without a trace in it: it is neither counted nor recorded as a cell. */
export class KernelLine {
  /** Begin it; `tell` hears where it stands. */
  constructor(
    panel: NotebookPanel,
    line: string,
    private readonly _tell: (now: ILiveProgress) => void
  ) {
    this._kernel = panel.sessionContext.session?.kernel;
    this.done = this._run(line);
  }

  readonly done: Promise<ILineResult>;

  /**
   * End it by an interrupt of the kernel.
   *
   * While a cell is running the line still waits for its turn, and an interrupt would end the cell.
   */
  cancel(): void {
    this._isCancelled = true;
    if (this._isRunning) {
      // One that comes just as it is done finds an idle kernel, which takes no harm from it.
      void this._kernel?.interrupt();
    }
  }

  private async _run(code: string): Promise<ILineResult> {
    if (!this._kernel) {
      return { text: '', isError: true, isCancelled: false };
    }
    const future = this._kernel.requestExecute({
      code,
      store_history: false,
      allow_stdin: false,
      stop_on_error: false
    });
    let text = '';
    future.onIOPub = ({ header, content }) => {
      const { data } = content as { data?: { [type: string]: unknown } };
      if (header.msg_type === 'execute_input') {
        this._begin();
      } else if (header.msg_type === 'execute_result') {
        text = String(data?.['text/plain']);
      } else if (data?.[LIVE]) {
        this._tell(data[LIVE] as ILiveProgress);
      }
    };
    const reply = (await future.done).content;
    this._isRunning = false;
    if (reply.status === 'error') {
      const isCancelled = this._isCancelled && reply.ename === 'KeyboardInterrupt';
      return { text: `${reply.ename}: ${reply.evalue}`, isError: true, isCancelled };
    }
    return { text, isError: reply.status !== 'ok', isCancelled: false };
  }

  /** Its turn has come. */
  private _begin(): void {
    this._isRunning = true;
    if (this._isCancelled) {
      this.cancel();
    }
  }

  private readonly _kernel: NonNullable<NotebookPanel['sessionContext']['session']>['kernel'] | undefined;
  private _isRunning = false;
  private _isCancelled = false;
}

/** Write words as arguments of a `%nbops` line; those with spaces or quotes are quoted as in a shell. */
export function words(...given: string[]): string {
  return given
    .map(word => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replace(/'/g, `'"'"'`)}'`))
    .join(' ');
}
