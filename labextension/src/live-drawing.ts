import { IRenderMime } from '@jupyterlab/rendermime';
import { Widget } from '@lumino/widgets';

import { LIVE } from './live-progress';
import './style';
import { IContext } from './tokens';

/** What the kernel tells while a cell waits. */
interface ITold {
  /** What is cancelled: a sweep. */
  cancels: string;
  stages: ReadonlyArray<{
    title: string;
    words: ReadonlyArray<string>;
    notes: ReadonlyArray<string>;
    done: number;
    total: number;
    is_over: boolean;
  }>;
}

/**
 * Draw what a cell waits for, with a button that cancels it.
 *
 * The kernel is busy with the cell and hears no widget; the button asks the server, which tells the sweep's driver
 * through the store.
 */
export class LiveProgress extends Widget implements IRenderMime.IRenderer {
  constructor(private readonly _context: IContext) {
    super();
    this.addClass('nbops-Live');
    const { trans } = _context;
    this._rows.className = 'nbops-Live-rows';
    this._cancel.className = 'nbops-Button';
    this._cancel.textContent = trans.__('Cancel');
    this._cancel.onclick = () => void this._ask();
    this.node.append(this._rows, this._cancel);
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const told = model.data[LIVE] as unknown as ITold;
    this._cancels = told.cancels;
    this._rows.replaceChildren(...told.stages.map(drawn));
  }

  private async _ask(): Promise<void> {
    this._cancel.disabled = true;
    this._cancel.textContent = this._context.trans.__('Cancelling…');
    await this._context.app.commands.execute('nbops:cancel', { id: this._cancels });
    this._cancel.disabled = false;
    this._cancel.textContent = this._context.trans.__('Cancel');
  }

  private _cancels = '';
  private readonly _rows = document.createElement('div');
  private readonly _cancel = document.createElement('button');
}

function drawn(stage: ITold['stages'][number]): HTMLElement {
  const row = element('div', 'nbops-Live-row');
  row.append(element('span', 'nbops-Live-title', stage.title));
  if (stage.total > 0 && !stage.is_over) {
    const bar = document.createElement('progress');
    bar.max = stage.total;
    bar.value = stage.done;
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
