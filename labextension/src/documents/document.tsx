import { MainAreaWidget } from '@jupyterlab/apputils';
import { LabIcon, ReactWidget } from '@jupyterlab/ui-components';
import { UUID } from '@lumino/coreutils';
import { Message } from '@lumino/messaging';
import { IDisposable } from '@lumino/disposable';
import { Widget } from '@lumino/widgets';
import * as React from 'react';

import { ICallOptions } from '../client';
import { IReopening } from '../open-documents';
import { asProblem } from '../problem';
import { Advice, ProblemAdvice, Waiting } from '../parts/advice';
import { Problem, ProgressTold } from '../schema';
import { IContext } from '../tokens';

/** A tab of the main area that shows one answer of the server, and asks again when it may have changed. */
export abstract class Document<T> extends ReactWidget {
  constructor(protected readonly context: IContext) {
    super();
    this.addClass('nbops-Document');
    this.node.tabIndex = 0;
    // A name without a role is not read out.
    this.node.setAttribute('role', 'region');
    context.project.news.connect(this._onNews, this);
    context.project.progress.connect(this._onProgress, this);
  }

  protected abstract ask(): Promise<T>;
  protected abstract draw(answer: T): React.ReactElement;

  /** Tables whose writes change what is shown. */
  protected readonly tables: ReadonlyArray<string> = [];

  /** After how many milliseconds it asks again although nothing was written; 0: never. */
  protected readonly askAgainMs: number = 0;

  /** What was answered last. */
  protected answer: T | null = null;

  override dispose(): void {
    if (!this.isDisposed) {
      this.context.project.news.disconnect(this._onNews, this);
      this.context.project.progress.disconnect(this._onProgress, this);
      this._rest();
      super.dispose();
    }
  }

  protected override onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this._look();
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    if (this.isVisible) {
      this._look();
    }
  }

  protected override onBeforeHide(msg: Message): void {
    super.onBeforeHide(msg);
    this._rest();
  }

  protected render(): React.ReactElement {
    const { trans } = this.context;
    if (this._problem?.code === 'cancelled') {
      return (
        <Advice title={trans.__('Cancelled')} text={trans.__('Nothing was changed.')}>
          <button className="nbops-Button" onClick={() => this.again()}>
            {trans.__('Ask Again')}
          </button>
        </Advice>
      );
    }
    if (this._problem) {
      return <ProblemAdvice problem={this._problem} trans={trans} />;
    }
    return this.answer === null ? (
      <Waiting trans={trans} told={this._told} onCancel={() => void this._cancel()} />
    ) : (
      this.draw(this.answer)
    );
  }

  /** How the one question is asked that may take long: by a name under which the server tells where it stands. */
  protected get asking(): ICallOptions {
    return { project: this.context.project.path, request: this._request };
  }

  private _onProgress(_: unknown, told: ProgressTold): void {
    if (told.request === this._request && this.answer === null) {
      this._told = told;
      this.update();
    }
  }

  private async _cancel(): Promise<void> {
    // One that has come to its end meanwhile is no longer there to be stopped.
    await this.context.client.call('calls/stop', { request: this._request }).catch(() => undefined);
  }

  private _look(): void {
    this._watch ??= this.context.project.watch();
    if (this.askAgainMs > 0 && this._clock === 0) {
      this._clock = window.setInterval(() => void this._ask(), this.askAgainMs);
    }
    if (this._isStale) {
      void this._ask();
    }
  }

  private _rest(): void {
    this._watch?.dispose();
    this._watch = null;
    window.clearInterval(this._clock);
    this._clock = 0;
  }

  /** Ask now: another question than before. */
  protected again(): void {
    this._problem = null;
    this._told = null;
    this.update();
    void this._ask();
  }

  private async _ask(): Promise<void> {
    if (this._isAsking) {
      this._isStale = true;
      return;
    }
    this._isAsking = true;
    do {
      this._isStale = false;
      try {
        this.answer = await this.ask();
        this._problem = null;
      } catch (error) {
        this._problem = asProblem(error);
      }
    } while (this._isStale && this.isVisible);
    this._isAsking = false;
    if (!this.isDisposed) {
      this.update();
    }
  }

  private _onNews(_: unknown, tables: ReadonlyArray<string>): void {
    if (tables.length > 0 && !tables.some(table => this.tables.includes(table))) {
      return;
    }
    this._isStale = true;
    if (this.isVisible) {
      void this._ask();
    }
  }

  private readonly _request = UUID.uuid4();
  private _told: ProgressTold | null = null;
  private _problem: Problem | null = null;
  private _watch: IDisposable | null = null;
  private _isStale = true;
  private _clock = 0;
  private _isAsking = false;
}

/** Show a document in the main area; one that is open already comes to the front. */
export function openInMain(
  context: IContext,
  options: {
    id: string;
    title: string;
    caption: string;
    icon: LabIcon;
    /** What opens it again after the page was loaded anew. */
    again: IReopening;
    make(): Widget;
  }
): void {
  const { shell } = context.app;
  const open = [...shell.widgets('main')].find(widget => widget.id === options.id);
  if (open) {
    shell.activateById(open.id);
    return;
  }
  const main = new MainAreaWidget({ content: options.make() });
  main.id = options.id;
  main.title.label = options.title;
  main.title.caption = options.caption;
  main.title.icon = options.icon;
  main.title.closable = true;
  main.toolbar.hide();
  context.documents.remember(main, options.again);
  shell.add(main, 'main', { mode: 'tab-after' });
  shell.activateById(main.id);
}
