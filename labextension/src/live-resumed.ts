import type { CodeCell } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { KernelMessage } from '@jupyterlab/services';

import { IContext } from './tokens';

type OutputArea = CodeCell['outputArea'];
type Output = Parameters<OutputArea['model']['add']>[0];

/** Where an output stands. */
export interface IPlace {
  readonly notebook: NotebookPanel;
  readonly area: OutputArea;
}

/** The cell whose outputs a node is among; null outside of notebooks. */
export function placeOf(node: Node, context: IContext): IPlace | null {
  const notebook = context.notebooks?.find(panel => panel.node.contains(node));
  const cell = notebook?.content.widgets.find(cell => cell.node.contains(node));
  return notebook && cell?.model.type === 'code' ? { notebook, area: (cell as CodeCell).outputArea } : null;
}

/** Whether JupyterLab itself hears what the kernel says to these outputs: it does in the page that ran the cell. */
export function isHeard({ area }: IPlace): boolean {
  return Boolean(area.future && !area.future.isDisposed);
}

/**
 * Takes what a kernel says to a cell into its outputs in a page that was loaded while the cell ran.
 *
 * Such a page does not know what the kernel's messages belong to. The name of an output that is alive tells it.
 */
export class Resumed {
  /** Hear for these outputs, from now until the cell is over; once for each cell. */
  static in(place: IPlace): Resumed {
    const found = CELLS.get(place.area) ?? new Resumed(place);
    CELLS.set(place.area, found);
    return found;
  }

  private constructor(private readonly _place: IPlace) {
    _place.notebook.sessionContext.iopubMessage.connect(this._hear, this);
    _place.area.disposed.connect(this._end, this);
  }

  /** Messages about this display are about the output at this place. */
  expect(display: string, index: number): void {
    this._displays.set(display, index);
  }

  private _hear(_: unknown, message: KernelMessage.IMessage): void {
    if (isHeard(this._place)) {
      this._end(); // the cell was run again
      return;
    }
    const { msg_type: type } = message.header;
    const parent = (message.parent_header as { msg_id?: string }).msg_id;
    const content = message.content as unknown as Output & { transient?: { display_id?: string } };
    const index = this._displays.get(content.transient?.display_id ?? '');
    const { model } = this._place.area;
    if (type === 'update_display_data' && index !== undefined) {
      this._cell = parent ?? null;
      model.set(index, { ...content, output_type: 'display_data' });
    } else if (parent === undefined || parent !== this._cell) {
      return;
    } else if (OUTPUTS.includes(type)) {
      model.add({ ...content, output_type: type });
    } else if (type === 'status' && (content as { execution_state?: string }).execution_state === 'idle') {
      this._end();
    }
  }

  private _end(): void {
    this._place.notebook.sessionContext.iopubMessage.disconnect(this._hear, this);
    this._place.area.disposed.disconnect(this._end, this);
    CELLS.delete(this._place.area);
  }

  private _cell: string | null = null;
  private readonly _displays = new Map<string, number>();
}

const CELLS = new WeakMap<OutputArea, Resumed>();
const OUTPUTS = ['stream', 'display_data', 'execute_result', 'error'];
