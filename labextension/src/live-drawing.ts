import type { IOutputModel } from '@jupyterlab/rendermime';
import { IRenderMime } from '@jupyterlab/rendermime';
import { IDisposable } from '@lumino/disposable';
import { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';

import { ILiveProgress, LIVE } from './live-message';
import { isHeard, placeOf, Resumed } from './live-resumed';
import { statusWords } from './parts/words';
import { asProblem } from './problem';
import './style';
import { IContext } from './tokens';

/**
 * Draw what a cell waits for, with a button that cancels it.
 *
 * The kernel is busy with the cell and hears no widget; the button asks the server, which tells the sweep's driver
 * through the store, or interrupts the kernel where nobody else could end it. In a page that was loaded meanwhile it goes on with what the kernel says, and asks the store whether
 * the cell has ended while no page was there to hear it.
 */
export class LiveProgress extends Widget implements IRenderMime.IRenderer {
  constructor(private readonly _context: IContext) {
    super();
    this.addClass('nbops-Live');
    const { trans } = _context;
    this._rows.className = 'nbops-Live-rows';
    this._cancel.className = 'nbops-Button';
    this._cancel.textContent = trans.__('Cancel');
    this._cancel.onclick = () => void this._stop();
    this.node.append(this._rows, this._cancel);
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    this._model = model;
    this._told = model.data[LIVE] as unknown as ILiveProgress;
    this._rows.replaceChildren(...this._told.stages.map(drawn));
    this._resume();
  }

  override dispose(): void {
    this._watch?.dispose();
    this._context.project.news.disconnect(this._onNews, this);
    super.dispose();
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    this._resume();
  }

  /** Go on where another page has begun. */
  private _resume(): void {
    const place = this.isAttached && this._told !== null ? placeOf(this.node, this._context) : null;
    if (place === null || this._told === null || isHeard(place)) {
      return;
    }
    const { model } = place.area;
    const index = Array.from({ length: model.length }, (_, at) => model.get(at)).indexOf(
      this._model as IOutputModel
    );
    if (index < 0) {
      return; // a second view of the notebook, whose first one hears
    }
    Resumed.in(place).expect(this._told.display, index);
    if (this._watch === null) {
      const { project } = this._context;
      this._watch = project.watch();
      project.news.connect(this._onNews, this);
      void this._ask();
    }
  }

  private _onNews(_: unknown, tables: ReadonlyArray<string>): void {
    if (tables.length === 0 || tables.includes('cells')) {
      void this._ask();
    }
  }

  /** Ask the store whether the cell has ended. */
  private async _ask(): Promise<void> {
    const { client, project } = this._context;
    const id = this._told?.execution ?? null;
    if (id === null) {
      return;
    }
    try {
      const [cell] = await client.call('records/cells', { id }, { project: project.path });
      if (cell !== undefined && cell.status !== 'running' && !this.isDisposed) {
        this._drawEnd(id, cell.status);
      }
    } catch (error) {
      // What was known last stays; the panel says it where somebody looks for it.
      console.debug(asProblem(error).detail);
    }
  }

  private _drawEnd(execution: string, status: string): void {
    const { app, trans } = this._context;
    const show = document.createElement('button');
    show.className = 'nbops-Button';
    show.textContent = trans.__('Show Outputs of Cell');
    show.onclick = () => void app.commands.execute('nbops:show-execution', { execution });
    const words = trans.__('The cell has ended while this page was away: %1', statusWords(status, trans));
    this._rows.replaceChildren(element('div', 'nbops-Live-note', words));
    this._cancel.replaceWith(show);
  }

  private async _stop(): Promise<void> {
    this._cancel.disabled = true;
    this._cancel.textContent = this._context.trans.__('Cancelling…');
    if (this._told?.cancels) {
      await this._context.app.commands.execute('nbops:cancel', { id: this._told.cancels });
    } else {
      await placeOf(this.node, this._context)?.notebook.sessionContext.session?.kernel?.interrupt();
    }
    this._cancel.disabled = false;
    this._cancel.textContent = this._context.trans.__('Cancel');
  }

  private _model: IRenderMime.IMimeModel | null = null;
  private _told: ILiveProgress | null = null;
  private _watch: IDisposable | null = null;
  private readonly _rows = document.createElement('div');
  private readonly _cancel = document.createElement('button');
}

function drawn(stage: ILiveProgress['stages'][number]): HTMLElement {
  const row = element('div', 'nbops-Live-row');
  row.append(element('span', 'nbops-Live-title', stage.title));
  if (!stage.is_over) {
    const bar = document.createElement('progress');
    // Without a value it moves by itself, which says that it goes on.
    if (stage.total > 0) {
      bar.max = stage.total;
      bar.value = stage.done;
    }
    bar.setAttribute('aria-label', stage.title);
    row.append(bar);
  }
  row.append(element('span', 'nbops-Live-words', stage.words.join(' · ')));
  row.append(...stage.notes.map(note => element('div', 'nbops-Live-note', note)));
  return row;
}

function element(name: string, className: string, text = ''): HTMLElement {
  const node = document.createElement(name);
  node.className = className;
  node.textContent = text;
  return node;
}
