import * as React from 'react';

import { codeLines, duration, firstLine, moment, spoken, text } from '../format';
import { RowList } from '../parts/list';
import { StatusMark } from '../parts/status';
import { statusWords } from '../parts/words';
import { PagedRows } from '../rows';
import { CellExecution } from '../schema';
import { IContext } from '../tokens';
import { LiveSection } from './live';

/** The cells of the run that is looked at, in the order they ran; of the newest run when none is. */
export class CellsSection extends LiveSection {
  constructor(context: IContext) {
    super(context);
    this.addClass('nbops-Cells');
    this.rows.changed.connect(this.update, this);
    context.selection.changed.connect(this._onSelection, this);
  }

  protected readonly tables = ['cells', 'runs'];

  readonly rows = new PagedRows<CellExecution>({
    fetch: (offset, limit) => this._call('cells', { run: this._reference, limit, offset }),
    count: async () => (await this._call('cells/count', { run: this._reference })).total
  });

  protected refresh(): void {
    void this.rows.refresh();
  }

  protected forget(): void {
    this.rows.clear();
  }

  protected render(): React.ReactElement {
    const { trans, app } = this.context;
    return (
      <RowList
        rows={this.rows}
        trans={trans}
        id="nbops-cell"
        label={trans.__('Cells in the order they ran')}
        rowHeight={46}
        idOf={cell => cell.id}
        nameOf={cell => cellName(cell, this.context)}
        dataOf={cell => ({ 'data-nbops-cell': cell.cell_id ?? '', 'data-nbops-execution': cell.id })}
        draw={cell => <CellRow cell={cell} context={this.context} />}
        onOpen={cell => void app.commands.execute('nbops:open-cell', { execution: cell.id })}
        empty={{
          title: trans.__('No cells'),
          text: trans.__('This run recorded no cells of its own.')
        }}
      />
    );
  }

  private get _reference(): string {
    return this.context.selection.current ?? 'last';
  }

  private _onSelection(): void {
    if (this._reference !== this._shown) {
      this._shown = this._reference;
      if (this.isAwake) {
        void this.rows.reset();
      } else {
        this.rows.clear();
        this.refreshWhenSeen();
      }
    }
  }

  private _call: IContext['client']['call'] = (name, takes) =>
    this.context.client.call(name, takes, { project: this.context.project.path });

  private _shown = 'last';
}

export function CellRow(props: { cell: CellExecution; context: IContext }): React.ReactElement {
  const { cell } = props;
  const { trans } = props.context;
  const took = cell.ended_at === null ? '' : duration(cell.ended_at - cell.started_at);
  return (
    <>
      <span className="nbops-Position">
        <StatusMark status={cell.status} trans={trans} />
        <span className="nbops-Position-number">{cell.position}</span>
      </span>
      <span className="nbops-Row-body" title={text(cell.source, 600)}>
        <span className="nbops-Row-line">
          <code className="nbops-Row-title nbops-mod-code">{codeLines(cell.source)[0]}</code>
          <span className="nbops-Row-aside">{took || statusWords(cell.status, trans)}</span>
        </span>
        <span className="nbops-Row-line nbops-mod-second">
          <Outcome cell={cell} />
        </span>
      </span>
    </>
  );
}

function Outcome(props: { cell: CellExecution }): React.ReactElement {
  const { error, outputs } = props.cell;
  if (error) {
    return (
      <span className="nbops-Value nbops-mod-bad">
        {text(error.name, 60)}: {text(error.message)}
      </span>
    );
  }
  const types = outputs?.media_types.filter(type => type !== 'text/plain') ?? [];
  const said = text(types.length > 0 ? spoken(outputs?.text ?? '') : outputs?.text);
  if (types.length === 0 && !said) {
    return <code className="nbops-Value nbops-mod-code">{codeLines(props.cell.source)[1]}</code>;
  }
  return (
    <>
      {types.map(type => (
        <span key={type} className="nbops-Chip">
          {type.replace(/^(image|text|application)\/(vnd\.)?/, '').replace(/\+.*/, '')}
        </span>
      ))}
      {said && <span className="nbops-Value">{said}</span>}
    </>
  );
}

function cellName(cell: CellExecution, context: IContext): string {
  const outcome = cell.error ? `${cell.error.name}: ${cell.error.message}` : '';
  return [
    `${cell.position}`,
    statusWords(cell.status, context.trans),
    firstLine(cell.source),
    text(outcome),
    moment(cell.started_at)
  ]
    .filter(Boolean)
    .join(', ');
}
