import { Dialog, Notification, showDialog } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import './style';

/** What is done sooner says only how it ended. */
const PATIENCE_MS = 500;
/** JupyterLab cuts a longer message. */
const MOST = 140;

export interface INoticeOptions {
  /** After how many milliseconds it goes by itself; false: never. */
  autoClose: number | false;
  actions?: Notification.IAction[];
}

/** Notify; a message that is too long for a notification can be read as a whole. */
export function tell(
  trans: TranslationBundle,
  message: string,
  type: Notification.TypeOptions,
  options: INoticeOptions = { autoClose: false }
): void {
  if (message.length <= MOST) {
    Notification.emit(message, type, options);
    return;
  }
  const whole = { label: trans.__('Show All'), callback: () => void showWhole(trans, message) };
  const actions = [...(options.actions ?? []), whole];
  Notification.emit(`${message.slice(0, MOST - 1)}…`, type, { ...options, actions });
}

async function showWhole(trans: TranslationBundle, message: string): Promise<void> {
  const text = document.createElement('pre');
  text.className = 'nbops-Code nbops-mod-wrapped';
  text.tabIndex = 0;
  text.textContent = message;
  await showDialog({
    title: trans.__('The whole message'),
    body: new Widget({ node: text }),
    buttons: [Dialog.okButton({ label: trans.__('Close') })]
  });
}

/** What a notification of something under way says. */
interface INow {
  message: string;
  actions?: Notification.IAction[];
  progress?: number;
}

/** A notification of something under way, which appears when that takes longer than a moment. */
export class UnderWay {
  constructor(
    private readonly _doing: string,
    private readonly _trans: TranslationBundle
  ) {
    this._now = { message: _doing };
    this._waiting = window.setTimeout(() => this._show(), PATIENCE_MS);
  }

  /** Tell where it stands, with the button that ends it. */
  stand(words: ReadonlyArray<string>, progress: number | undefined, cancel: () => void): void {
    const button = {
      label: this._trans.__('Cancel'),
      caption: this._trans.__('End it at its next step'),
      callback: (event: MouseEvent) => {
        // Pressing a button would close the notification; it says how it ended.
        event.preventDefault();
        this._isCancelled = true;
        this._say({ message: this._trans.__('%1: cancelling', this._doing), actions: [] });
        cancel();
      }
    };
    if (!this._isCancelled) {
      const message = [this._doing, ...words].filter(Boolean).join('\n');
      this._say({ message, actions: [button], progress });
    }
  }

  /**
   * Tell how it ended.
   *
   * In another notification than the one that told of the progress: JupyterLab loses what an update says while it
   * fetches the code that shows the first of them.
   */
  end(message: string, type: Notification.TypeOptions, options: INoticeOptions): void {
    window.clearTimeout(this._waiting);
    if (this._id !== null) {
      Notification.dismiss(this._id);
    }
    tell(this._trans, message, type, options);
  }

  private _say(now: INow): void {
    this._now = now;
    if (this._id !== null) {
      Notification.update({ id: this._id, ...now });
    }
  }

  private _show(): void {
    const { message, ...others } = this._now;
    this._id = Notification.emit(message, 'in-progress', { autoClose: false, ...others });
  }

  private _now: INow;
  private _isCancelled = false;
  private _id: string | null = null;
  private readonly _waiting: number;
}
