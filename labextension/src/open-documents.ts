import { ILayoutRestorer, JupyterFrontEnd } from '@jupyterlab/application';
import { WidgetTracker } from '@jupyterlab/apputils';
import { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { Widget } from '@lumino/widgets';

/** A command that opens a document. */
export interface IReopening {
  readonly command: string;
  readonly args: ReadonlyPartialJSONObject;
}

/** The documents that are open, so that they are open again after the page was loaded anew. */
export class OpenDocuments {
  constructor(private readonly _app: JupyterFrontEnd) {}

  /** Remember how a document is opened again. */
  remember(widget: Widget, again: IReopening): void {
    this._again.set(widget, again);
    void this._tracker.add(widget);
  }

  /** What the document with this id is about, of one kind: the argument that its command has for it. */
  about(id: string | undefined, noun: string): string | undefined {
    const document = this._tracker.find(widget => widget.id === id);
    const value = document && this._again.get(document)?.args[noun];
    return typeof value === 'string' ? value : undefined;
  }

  /** Open what was open when the page was left. */
  restoreWith(restorer: ILayoutRestorer): void {
    this._app.commands.addCommand('nbops:reopen', {
      describedBy: {
        args: { type: 'object', properties: { command: { type: 'string' }, args: { type: 'object' } } }
      },
      execute: reopening =>
        this._app.commands.execute(String(reopening.command), reopening.args as ReadonlyPartialJSONObject)
    });
    void restorer.restore(this._tracker, {
      command: 'nbops:reopen',
      args: widget => ({ ...(this._again.get(widget) as IReopening) }),
      name: widget => widget.id
    });
  }

  private readonly _again = new WeakMap<Widget, IReopening>();
  private readonly _tracker = new WidgetTracker<Widget>({ namespace: 'nbops-documents' });
}
