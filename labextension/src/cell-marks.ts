import { NotebookPanel } from '@jupyterlab/notebook';
import { IDisposable } from '@lumino/disposable';
import { Debouncer } from '@lumino/polling';
import { PanelLayout, Widget } from '@lumino/widgets';

import './style';
import { cellsOf, marksOf, wordsOf } from './marks';
import { asProblem } from './problem';
import { NotebookCell } from './schema';
import { IContext } from './tokens';

/** Marks below the cells of the active notebook: what to distrust, and why. Nothing is written into the notebook. */
export class CellMarks implements IDisposable {
  constructor(private readonly _context: IContext) {
    const { notebooks, project } = _context;
    this._watch = project.watch();
    notebooks?.currentChanged.connect(this._onNotebook, this);
    project.news.connect(this._onNews, this);
    this._onNotebook();
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      this._context.notebooks?.currentChanged.disconnect(this._onNotebook, this);
      this._context.project.news.disconnect(this._onNews, this);
      this._watch.dispose();
      this._follow(null);
      this._drawing.dispose();
      window.clearTimeout(this._asking);
    }
  }

  private _onNotebook(): void {
    this._follow(this._context.notebooks?.currentWidget ?? null);
    void this._ask();
  }

  private _onNews(_: unknown, tables: ReadonlyArray<string>): void {
    if (tables.length === 0 || tables.includes('cells')) {
      // Telling what a session's cells have to do with each other takes the server longer than a list of rows.
      this._asking ||= window.setTimeout(() => {
        this._asking = 0;
        void this._ask();
      }, 300);
    }
  }

  private _follow(panel: NotebookPanel | null): void {
    if (panel !== this._panel) {
      this._panel?.context.model?.contentChanged.disconnect(this._onEdit, this);
      this._clear();
      this._found = [];
      this._panel = panel;
      panel?.context.model?.contentChanged.connect(this._onEdit, this);
    }
  }

  private async _ask(): Promise<void> {
    const panel = this._panel;
    const { app, client, project } = this._context;
    if (panel === null) {
      return;
    }
    try {
      const path = app.serviceManager.contents.localPath(panel.context.path);
      const found = await client.call('notebook', { path }, { project: project.path });
      if (panel === this._panel && !this._isDisposed) {
        this._found = found.cells;
        this._draw();
      }
    } catch (error) {
      // The panel says it where somebody looks for it; a notebook is no place for it.
      console.debug(asProblem(error).detail);
    }
  }

  private _onEdit(): void {
    void this._drawing.invoke().catch(reason => console.debug(asProblem(reason).detail));
  }

  private readonly _drawing = new Debouncer(() => this._draw(), 250);

  private _draw(): void {
    const panel = this._panel;
    if (panel === null || panel.isDisposed) {
      return;
    }
    const { trans } = this._context;
    const marks = marksOf(this._found, cellsOf(panel));
    const rows = new Map(this._found.map(row => [row.execution.cell_id, row]));
    for (const cell of panel.content.widgets) {
      const row = rows.get(cell.model.id);
      const words = row === undefined ? [] : wordsOf(row, marks, trans);
      const said = JSON.stringify(words);
      const drawn = this._drawn.get(cell);
      if (drawn !== undefined && (drawn.widget.isDisposed || drawn.said !== said)) {
        drawn.widget.dispose();
        this._drawn.delete(cell);
      }
      if (row !== undefined && words.length > 0 && !this._drawn.has(cell)) {
        const widget = this._made(row.execution.id, words);
        (cell.layout as PanelLayout).addWidget(widget);
        this._drawn.set(cell, { widget, said });
      }
    }
  }

  private _made(execution: string, words: [string, string][]): Widget {
    const { app, trans } = this._context;
    const widget = new Widget();
    widget.addClass('nbops-CellMarks');
    widget.node.setAttribute('role', 'group');
    widget.node.setAttribute('aria-label', trans.__('What to distrust of this cell'));
    for (const [word, why] of words) {
      const button = document.createElement('button');
      button.className = 'nbops-CellMark';
      button.textContent = word;
      button.title = `${why}\n${trans.__('Press to see what it stands on')}`;
      button.setAttribute('aria-label', `${word}: ${why}`);
      button.onclick = () => void app.commands.execute('nbops:open-lineage', { id: execution });
      widget.node.append(button);
    }
    return widget;
  }

  private _clear(): void {
    for (const { widget } of this._drawn.values()) {
      widget.dispose();
    }
    this._drawn.clear();
  }

  private _isDisposed = false;
  private _asking = 0;
  private _panel: NotebookPanel | null = null;
  private _found: NotebookCell[] = [];
  private readonly _watch: IDisposable;
  private readonly _drawn = new Map<Widget, { widget: Widget; said: string }>();
}
