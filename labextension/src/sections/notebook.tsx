import { NotebookPanel } from '@jupyterlab/notebook';
import { Debouncer } from '@lumino/polling';
import * as React from 'react';

import { codeLines, duration, moment, text } from '../format';
import { asProblem } from '../problem';
import { Advice } from '../parts/advice';
import { StatusMark } from '../parts/status';
import { statusWords } from '../parts/words';
import { NotebookCell, NotebookCells } from '../schema';
import { IContext } from '../tokens';
import { ListSection, TwoLines } from './list';
import { cellsOf, marksOf, Marks, wordsOf } from '../marks';

/** The cells of the active notebook in the order they ran, with what to distrust. */
export class NotebookSection extends ListSection<NotebookCell> {
  constructor(context: IContext) {
    super(context);
    this.id = 'nbops-notebook';
    this.addClass('nbops-ThisNotebook');
    context.notebooks?.currentChanged.connect(this._onNotebook, this);
    this._onNotebook();
  }

  protected readonly tables = ['cells', 'runs'];

  protected get words() {
    const { trans } = this.context;
    return {
      label: trans.__('Cells of this notebook in the order they ran'),
      empty: {
        title: trans.__('Nothing recorded of this notebook'),
        text: trans.__('Put this into its first cell and run it:'),
        code: '%load_ext nbops'
      }
    };
  }

  override dispose(): void {
    if (!this.isDisposed) {
      this._edits.dispose();
      this._follow(null);
      this.context.notebooks?.currentChanged.disconnect(this._onNotebook, this);
      super.dispose();
    }
  }

  protected async ask(offset: number): Promise<NotebookCell[]> {
    const path = this._path;
    if (offset > 0 || path === null) {
      return [];
    }
    const found: NotebookCells = await this.call('notebook', { path });
    this._marks = marksOf(found.cells, cellsOf(this._panel));
    this._found = found.cells;
    return found.cells;
  }

  protected idOf(row: NotebookCell): string {
    return row.execution.id;
  }

  protected nameOf(row: NotebookCell): string {
    const { trans } = this.context;
    const { execution } = row;
    return [
      `${execution.position}`,
      statusWords(execution.status, trans),
      codeLines(execution.source)[0] ?? '',
      ...this._words(row).map(([word]) => word),
      moment(execution.started_at)
    ].join(', ');
  }

  protected dataOf(row: NotebookCell): { [name: `data-${string}`]: string } {
    return {
      'data-nbops-execution': row.execution.id,
      'data-nbops-cell': row.execution.cell_id ?? ''
    };
  }

  protected open(row: NotebookCell): void {
    void this.context.app.commands.execute('nbops:open-cell', { execution: row.execution.id });
  }

  protected override render(): React.ReactElement {
    const { trans } = this.context;
    if (this._panel === null) {
      return (
        <Advice
          title={trans.__('No notebook is open')}
          text={trans.__('Open one to see which of its cells ran, in which order, and what is stale.')}
        />
      );
    }
    return (
      <>
        {super.render()}
        {this._found.length > 0 && this._summary()}
      </>
    );
  }

  /** The notebook's trust mark: how many of its cells are to be distrusted, and how many were not run at all. */
  private _summary(): React.ReactElement {
    const { trans } = this.context;
    const doubted = this._found.filter(row => this._words(row).length > 0).length;
    const { notRun } = this._marks;
    return (
      <div className="nbops-Foot" role="status">
        {doubted > 0 ? (
          <span className="nbops-Chip nbops-mod-warn">
            {trans._n('%1 cell in doubt', '%1 cells in doubt', doubted)}
          </span>
        ) : (
          <span
            className="nbops-Chip nbops-mod-good"
            title={trans.__('No cell is stale, edited, out of order or gone')}
          >
            {trans.__('clean')}
          </span>
        )}
        {notRun > 0 &&
          trans._n('%1 cell was not run in this session', '%1 cells were not run in this session', notRun)}
      </div>
    );
  }

  protected draw(row: NotebookCell): React.ReactNode {
    const { trans } = this.context;
    const { execution } = row;
    const words = this._words(row);
    const took = execution.ended_at === null ? '' : duration(execution.ended_at - execution.started_at);
    return (
      <TwoLines
        isCode
        mark={
          <>
            <StatusMark status={execution.status} trans={trans} />
            <span className="nbops-Position-number">{execution.position}</span>
          </>
        }
        title={codeLines(execution.source)[0]}
        aside={took || statusWords(execution.status, trans)}
        second={
          <>
            {words.map(([word, why]) => (
              <span key={word} className="nbops-Chip nbops-mod-warn" title={why}>
                {word}
              </span>
            ))}
            {execution.error ? (
              <span className="nbops-Value nbops-mod-bad">{text(execution.error.name, 60)}</span>
            ) : (
              <span className="nbops-Value nbops-mod-code">{flow(row)}</span>
            )}
          </>
        }
        tooltip={tooltip(row, words)}
      />
    );
  }

  private _words(row: NotebookCell): [string, string][] {
    return wordsOf(row, this._marks, this.context.trans);
  }

  private get _path(): string | null {
    const path = this._panel?.context.path;
    return path === undefined ? null : this.context.app.serviceManager.contents.localPath(path);
  }

  private _onNotebook(): void {
    const panel = this.context.notebooks?.currentWidget ?? null;
    if (panel !== this._panel) {
      this._follow(panel);
      this._found = [];
      this.rows.clear();
      this.refreshWhenSeen();
    }
  }

  private _follow(panel: NotebookPanel | null): void {
    this._panel?.context.model?.contentChanged.disconnect(this._onEdit, this);
    this._panel = panel;
    panel?.context.model?.contentChanged.connect(this._onEdit, this);
  }

  private _onEdit(): void {
    if (this.isAwake) {
      void this._edits.invoke().catch(reason => console.debug(asProblem(reason).detail));
    }
  }

  private readonly _edits = new Debouncer(() => {
    this._marks = marksOf(this._found, cellsOf(this._panel));
    this.update();
  }, 250);

  private _panel: NotebookPanel | null = null;
  private _found: NotebookCell[] = [];
  private _marks: Marks = marksOf([], []);
}

/** Names in and names out: `raw → features`. */
function flow(row: NotebookCell): string {
  const taken = row.reads.filter(name => !row.writes.includes(name));
  return [taken.join(', '), row.writes.join(', ')].filter(Boolean).join(' → ');
}

function tooltip(row: NotebookCell, words: [string, string][]): string {
  return [text(row.execution.source, 600), ...words.map(([word, why]) => `${word}: ${why}`)].join('\n');
}
