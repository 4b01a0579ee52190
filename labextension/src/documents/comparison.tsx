import * as React from 'react';

import { moment, number, short, text } from '../format';
import { nbopsIcon } from '../icons';
import { StatusMark } from '../parts/status';
import { Comparison, Difference, Run } from '../schema';
import { IContext } from '../tokens';
import { Curves, INamedRun } from './curves';
import { Document, openInMain } from './document';
import { Block, Code } from './parts';

/** Open runs side by side. */
export function openComparison(context: IContext, runs: string[]): void {
  openInMain(context, {
    again: { command: 'nbops:compare-runs', args: { runs } },
    id: `nbops-compare-${runs.join('-')}`,
    title: context.trans.__('Compare %1 runs', runs.length),
    caption: runs.map(short).join(', '),
    icon: nbopsIcon,
    make: () => new ComparisonDocument(context, runs)
  });
}

class ComparisonDocument extends Document<Comparison> {
  constructor(
    context: IContext,
    private readonly _runs: string[]
  ) {
    super(context);
    this.node.setAttribute('aria-label', context.trans.__('Comparison of runs'));
  }

  protected override readonly tables = ['runs', 'metrics', 'params', 'cells'];

  protected ask(): Promise<Comparison> {
    return this.context.client.call('compare', { runs: this._runs }, this.asking);
  }

  protected draw(comparison: Comparison): React.ReactElement {
    const { trans } = this.context;
    const shown = (rows: Difference[]) => rows.filter(row => row.differs || !this._onlyDifferences);
    const groups: [string, Difference[]][] = [
      [trans.__('Metrics'), shown(comparison.metrics)],
      [trans.__('Parameters'), shown(comparison.params)],
      [trans.__('Facts'), shown(comparison.facts)],
      [trans.__('Packages'), comparison.packages]
    ];
    return (
      <article>
        <header className="nbops-Head">
          <h1>{trans.__('Compare %1 runs', comparison.runs.length)}</h1>
          <label className="nbops-Check">
            <input
              type="checkbox"
              checked={this._onlyDifferences}
              onChange={event => {
                this._onlyDifferences = event.target.checked;
                this.update();
              }}
            />
            {trans.__('Only what differs')}
          </label>
        </header>
        <div
          className="nbops-TableScroll"
          tabIndex={0}
          role="region"
          aria-label={trans.__('Comparison table')}
        >
          <table className="nbops-Table nbops-mod-mixed">
            <thead>
              <tr>
                <td />
                {comparison.runs.map(run => (
                  <RunHead key={run.id} run={run} context={this.context} />
                ))}
              </tr>
            </thead>
            {groups
              .filter(([, rows]) => rows.length > 0)
              .map(([title, rows]) => (
                <Group key={title} title={title} rows={rows} width={comparison.runs.length} />
              ))}
          </table>
        </div>
        <Curves runs={toldApart(comparison.runs)} stamp={comparison} context={this.context} />
        {comparison.code
          .filter(change => change.diff)
          .map(change => (
            <Block
              key={change.run_id}
              isWide
              title={trans.__('Code of %1 against the first', nameOf(comparison.runs, change.run_id))}
            >
              <Code kind="diff" label={trans.__('Differences of the code')} text={change.diff} />
            </Block>
          ))}
      </article>
    );
  }

  private _onlyDifferences = true;
}

function RunHead(props: { run: Run; context: IContext }): React.ReactElement {
  const { run, context } = props;
  return (
    <th scope="col">
      <button
        className="nbops-Link"
        title={context.trans.__('Open this run')}
        onClick={() => void context.app.commands.execute('nbops:open-run', { run: run.id })}
      >
        <StatusMark status={run.status} trans={context.trans} />
        {text(run.name, 60) || short(run.id)}
      </button>
      <div className="nbops-Table-aside">{moment(run.started_at)}</div>
    </th>
  );
}

function Group(props: { title: string; rows: Difference[]; width: number }): React.ReactElement {
  return (
    <tbody>
      <tr className="nbops-Table-group">
        <th scope="rowgroup" colSpan={props.width + 1}>
          {props.title}
        </th>
      </tr>
      {props.rows.map(row => (
        <tr key={row.name} className={row.differs ? 'nbops-mod-differs' : ''}>
          <th scope="row">{text(row.name, 80)}</th>
          {row.values.map((value, index) => (
            <td key={index} className={typeof value === 'number' ? 'nbops-mod-number' : ''}>
              {value === null || value === undefined ? (
                <span className="nbops-None">–</span>
              ) : (
                text(number(value, 6), 200)
              )}
            </td>
          ))}
        </tr>
      ))}
    </tbody>
  );
}

/** Runs of one name are told apart by their ids. */
function toldApart(runs: ReadonlyArray<Run>): INamedRun[] {
  const names = runs.map(({ name }) => text(name, 40));
  return runs.map(({ id }, index) => {
    const isAlone = names.indexOf(names[index]) === names.lastIndexOf(names[index]);
    return { id, name: isAlone && names[index] ? names[index] : `${names[index]} ${short(id)}`.trim() };
  });
}

function nameOf(runs: Run[], id: string): string {
  const run = runs.find(run => run.id === id);
  return text(run?.name, 60) || short(id);
}
