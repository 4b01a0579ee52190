import * as React from 'react';

import { ago, duration, moment, number, text } from '../format';
import { MARK, RowList } from '../parts/list';
import { StatusMark } from '../parts/status';
import { statusWords } from '../parts/words';
import { PagedRows } from '../rows';
import { tagsOf } from '../tags';
import { tellingParams } from '../telling';
import { RunSummary } from '../schema';
import { expressionOf } from '../search';
import { Shelf } from '../selection';
import { IContext } from '../tokens';
import { LiveSection } from './live';

/** How many rows are looked at to say which names are worth showing. */
const LOOKED_AT = 50;
/** How long typing rests before the search is sent. */
const REST_MS = 80;

/** Runs: live, searched and sorted by the server, marked to be compared. */
export class RunsSection extends LiveSection {
  constructor(context: IContext) {
    super(context);
    this.addClass('nbops-Runs');
    this.rows.changed.connect(this.update, this);
    context.selection.changed.connect(this.update, this);
    context.preferences.changed.connect(this.update, this);
    context.selection.asked.connect((_, expression) => this.search(expression), this);
  }

  protected readonly tables = ['runs', 'metrics', 'params', 'cells'];

  override readonly actions = [{ command: 'nbops:refresh' }];

  readonly rows = new PagedRows<RunSummary>({
    fetch: (offset, limit) =>
      this._call('runs', { where: this._where, order_by: this._orderBy, limit, offset, ...this._shelf }),
    count: async () => (await this._call('runs/count', { where: this._where, ...this._shelf })).total
  });

  /** Search from now on for this text. */
  search(typed: string): void {
    this._typed = typed;
    window.clearTimeout(this._resting);
    this._resting = window.setTimeout(() => {
      const where = expressionOf(typed);
      if (where !== this._where) {
        this._where = where;
        void this.rows.reset();
      }
    }, REST_MS);
    this.update();
  }

  /** Sort from now on by these fields. */
  sort(orderBy: string): void {
    this._orderBy = orderBy;
    void this.rows.reset();
    this.update();
  }

  /** List from now on the runs in use, those put aside, or those in the trash. */
  take(shelf: Shelf): void {
    this.context.selection.shelf = shelf;
    void this.rows.reset();
    this.update();
  }

  private get _shelf(): { archived?: boolean; deleted?: boolean } {
    const { shelf } = this.context.selection;
    return shelf === 'listed' ? {} : { [shelf]: true };
  }

  protected refresh(): void {
    void this.rows.refresh();
    if (this._isFirst) {
      this._isFirst = false;
      // The first answer was asked for ahead of this code, before it heard of news.
      void this.rows.refresh();
    }
  }

  protected forget(): void {
    this.context.selection.clear();
    this.rows.clear();
  }

  protected render(): React.ReactElement {
    const { trans, selection, app } = this.context;
    const isSearch = this._typed.trim() !== '';
    const held = this.rows.held().slice(0, LOOKED_AT);
    const telling = tellingParams(held);
    return (
      <>
        <SearchBar
          section={this}
          context={this.context}
          typed={this._typed}
          orderBy={this._orderBy}
          metrics={metricNames(held)}
        />
        <RowList
          rows={this.rows}
          trans={trans}
          id="nbops-run"
          label={trans.__('Runs')}
          rowHeight={46}
          idOf={row => row.run.id}
          nameOf={row => runName(row, this.context)}
          dataOf={row => ({ 'data-nbops-run': row.run.id, 'data-nbops-notebook': row.run.notebook ?? '' })}
          isMarked={row => selection.isMarked(row.run.id)}
          draw={row => <RunRow row={row} telling={telling} context={this.context} />}
          onLook={row => selection.look(row.run.id)}
          onOpen={row => void app.commands.execute('nbops:open-run', { run: row.run.id })}
          onToggle={row => selection.toggle(row.run.id)}
          wayBack={
            isSearch && (
              <button className="nbops-Button" onClick={() => this.search('')}>
                {trans.__('Clear Search')}
              </button>
            )
          }
          empty={
            isSearch || selection.shelf !== 'listed'
              ? {
                  title: isSearch ? trans.__('No run matches') : trans.__('None'),
                  text: isSearch ? trans.__('Try fewer words or another expression.') : undefined
                }
              : {
                  title: trans.__('No runs yet'),
                  text: trans.__('Put this into a cell of a notebook and run it.'),
                  code: '%load_ext nbops'
                }
          }
        />
        <MarkedBar context={this.context} />
      </>
    );
  }

  private _call: IContext['client']['call'] = (name, takes) =>
    this.context.client.call(name, takes, { project: this.context.project.path });

  private _isFirst = true;
  private _typed = '';
  private _where: string | undefined;
  private _orderBy = '';
  private _resting = 0;
}

function SearchBar(props: {
  section: RunsSection;
  context: IContext;
  typed: string;
  orderBy: string;
  metrics: string[];
}): React.ReactElement {
  const { section, context, typed, orderBy } = props;
  const { trans } = context;
  const total = section.rows.total;
  return (
    <div className="nbops-SearchBar" role="search" aria-label={trans.__('Search runs')}>
      <input
        type="search"
        className="nbops-Search"
        placeholder={trans.__('Search runs')}
        title={trans.__('Words of the name, or an expression: metrics.accuracy > 0.9 and params.depth = 4')}
        aria-label={trans.__('Search runs by name or by an expression such as metrics.accuracy > 0.9')}
        spellCheck={false}
        value={typed}
        onChange={event => section.search(event.target.value)}
        onKeyDown={event => {
          if (event.key === 'Escape' && typed) {
            section.search('');
            event.stopPropagation();
          }
        }}
      />
      <div className="nbops-SearchBar-line">
        <span className="nbops-Count" role="status">
          {total === null ? '' : trans._n('%2 run', '%2 runs', total, total.toLocaleString())}
        </span>
        <select
          className="nbops-Select"
          aria-label={trans.__('Which runs')}
          value={context.selection.shelf}
          onChange={event => section.take(event.target.value as Shelf)}
        >
          <option value="listed">{trans.__('in use')}</option>
          <option value="archived">{trans.__('archived')}</option>
          <option value="deleted">{trans.__('in the trash')}</option>
        </select>
        <select
          className="nbops-Select"
          aria-label={trans.__('Sort runs by')}
          value={orderBy}
          onChange={event => section.sort(event.target.value)}
        >
          <option value="">{trans.__('Newest first')}</option>
          <option value="started_at">{trans.__('Oldest first')}</option>
          <option value="name">{trans.__('Name')}</option>
          <option value="status">{trans.__('Status')}</option>
          {sortable(props.metrics, orderBy).map(metric => (
            <React.Fragment key={metric}>
              <option value={`-metrics.${metric}`}>{trans.__('%1, highest', text(metric, 40))}</option>
              <option value={`metrics.${metric}`}>{trans.__('%1, lowest', text(metric, 40))}</option>
            </React.Fragment>
          ))}
        </select>
      </div>
    </div>
  );
}

function RunRow(props: {
  row: RunSummary;
  telling: ReadonlySet<string>;
  context: IContext;
}): React.ReactElement {
  const { context } = props;
  const { run } = props.row;
  const { trans } = context;
  return (
    <>
      <span className={MARK} title={trans.__('Mark to compare')}>
        <StatusMark status={run.status} trans={trans} />
        <span className="nbops-Mark-box" aria-hidden="true" />
      </span>
      <span className="nbops-Row-body" title={tooltip(props.row, context)}>
        <span className="nbops-Row-line">
          <span className="nbops-Row-title">{text(run.name, 120) || run.id.slice(0, 13)}</span>
          <span className="nbops-Row-aside">{ago(run.started_at, Date.now() / 1000, trans)}</span>
        </span>
        <span className="nbops-Row-line nbops-mod-second">
          <Values row={props.row} telling={props.telling} context={context} />
        </span>
      </span>
    </>
  );
}

/** What tells this run from the others: its tags, its metrics, then its parameters, then how long it took. */
function Values(props: {
  row: RunSummary;
  telling: ReadonlySet<string>;
  context: IContext;
}): React.ReactElement {
  const { row, telling, context } = props;
  const { trans } = context;
  const wanted = context.preferences.metrics.filter(name => name in row.metrics);
  const metrics = wanted.length ? wanted : Object.keys(row.metrics);
  const params = Object.keys(row.params).sort((a, b) => Number(telling.has(b)) - Number(telling.has(a)));
  const took = duration((row.run.ended_at ?? Date.now() / 1000) - row.run.started_at);
  return (
    <span className="nbops-Values">
      {row.run.error && <span className="nbops-Value nbops-mod-bad">{text(row.run.error.name, 60)}</span>}
      {tagsOf(row.run)
        .slice(0, 2)
        .map(tag => (
          <span key={`t${tag}`} className="nbops-Chip">
            {tag}
          </span>
        ))}
      {metrics.slice(0, 3).map(name => (
        <span key={`m${name}`} className="nbops-Value nbops-mod-metric">
          <span className="nbops-Value-name">{text(name, 40)}</span> {number(row.metrics[name], 4)}
        </span>
      ))}
      {params.slice(0, 3).map(name => (
        <span key={`p${name}`} className="nbops-Value">
          <span className="nbops-Value-name">{text(name, 40)}</span> {text(number(row.params[name], 4), 40)}
        </span>
      ))}
      {metrics.length + params.length < 2 && (
        <span className="nbops-Value">
          {row.cells > 0 && `${trans._n('%1 cell', '%1 cells', row.cells)} · `}
          {took}
        </span>
      )}
    </span>
  );
}

function MarkedBar(props: { context: IContext }): React.ReactElement | null {
  const { selection, trans, app } = props.context;
  const marked = selection.marked;
  if (marked.length === 0) {
    return null;
  }
  return (
    <div className="nbops-Bar" role="toolbar" aria-label={trans.__('Marked runs')}>
      <span className="nbops-Bar-text">{trans._n('%1 marked', '%1 marked', marked.length)}</span>
      <button
        className="nbops-Button nbops-mod-primary"
        disabled={marked.length < 2}
        title={marked.length < 2 ? trans.__('Mark another run to compare') : ''}
        onClick={() => void app.commands.execute('nbops:compare-runs', { runs: [...marked] })}
      >
        {trans.__('Compare')}
      </button>
      <button className="nbops-Button" onClick={() => selection.unmark()}>
        {trans.__('Clear')}
      </button>
    </div>
  );
}

function runName(row: RunSummary, context: IContext): string {
  const { trans } = context;
  const values = Object.entries(row.metrics).map(([name, value]) => `${name} ${number(value)}`);
  return [
    row.run.name,
    statusWords(row.run.status, trans),
    moment(row.run.started_at),
    ...tagsOf(row.run),
    ...values.slice(0, 3)
  ]
    .map(part => text(part))
    .join(', ');
}

function tooltip(row: RunSummary, context: IContext): string {
  const { trans } = context;
  const { run } = row;
  const values = { ...row.params, ...row.metrics };
  return [
    text(run.name),
    `${statusWords(run.status, trans)} · ${moment(run.started_at)}`,
    run.notebook ?? '',
    ...Object.entries(values)
      .slice(0, 12)
      .map(([name, value]) => `${name} = ${text(number(value), 80)}`)
  ]
    .filter(Boolean)
    .join('\n');
}

function metricNames(rows: ReadonlyArray<RunSummary>): string[] {
  return [...new Set(rows.flatMap(row => Object.keys(row.metrics)))].slice(0, 20);
}

/** The metrics seen, and the one sorted by although none of it is in view. */
function sortable(metrics: string[], orderBy: string): string[] {
  const current = /^-?metrics\.(.+)$/.exec(orderBy)?.[1];
  return current && !metrics.includes(current) ? [current, ...metrics] : metrics;
}
