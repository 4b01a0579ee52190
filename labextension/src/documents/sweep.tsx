import * as React from 'react';

import { duration, moment, short, text } from '../format';
import { nbopsIcon } from '../icons';
import { StatusMark, StatusWord } from '../parts/status';
import { statusWords } from '../parts/words';
import { RunSummary, Sweep, SweepResults } from '../schema';
import { IContext } from '../tokens';
import { Document, openInMain } from './document';
import { Actions, Block, Empty, Facts } from './parts';
import { Plots } from './plots';
import { IOpened, Output, OutputButton, RunLink } from './sweep-output';
import { MOST_PARAMETERS, Results } from './sweep-results';

const PAGE = 25;
const MOST_RUNNING = 20;

/** Open a sweep in the main area. */
export function openSweepDocument(context: IContext, sweep: string): void {
  openInMain(context, {
    again: { command: 'nbops:open-sweep', args: { sweep } },
    id: `nbops-sweep-${sweep}`,
    title: context.trans.__('Sweep %1', short(sweep)),
    caption: sweep,
    icon: nbopsIcon,
    make: () => new SweepDocument(context, sweep)
  });
}

interface ISeen {
  results: SweepResults;
  running: ReadonlyArray<RunSummary>;
}

class SweepDocument extends Document<ISeen> {
  constructor(
    context: IContext,
    private readonly _sweep: string
  ) {
    super(context);
    this.node.setAttribute('aria-label', context.trans.__('Sweep'));
  }

  protected override readonly tables = ['sweeps', 'runs', 'cells', 'metrics', 'artifacts'];

  protected async ask(): Promise<ISeen> {
    const { client, project } = this.context;
    const options = { project: project.path };
    const [results, running] = await Promise.all([
      client.call('results', { sweep: this._sweep, limit: PAGE, offset: this._offset }, this.asking),
      client.call(
        'runs',
        { where: `sweep_id = "${this._sweep}" and status = running`, limit: MOST_RUNNING },
        options
      )
    ]);
    return { results, running };
  }

  protected draw(seen: ISeen): React.ReactElement {
    const { context } = this;
    const { trans } = context;
    const { results, running } = seen;
    if (this.parent) {
      this.parent.title.label = text(results.sweep.name, 40) || short(this._sweep);
    }
    const opened = { run: this._opened, open: this._open };
    return (
      <article>
        <Head results={results} context={context} />
        <div className="nbops-Blocks">
          <Block title={trans.__('What was tried')}>
            <Tried sweep={results.sweep} context={context} />
          </Block>
          <Block title={trans.__('Importance of parameters')}>
            <Importance results={results} context={context} />
          </Block>
        </div>
        {running.length > 0 && (
          <Block title={trans.__('Running')} isWide>
            <Running runs={running} cells={results.cells} opened={opened} answer={seen} context={context} />
          </Block>
        )}
        <Block title={trans.__('Results')} aside={this._pages(results)} isWide>
          <Results results={results} opened={opened} answer={seen} context={context} />
        </Block>
        <Plots of={results.sweep.id} reference={results.sweep.id} answer={seen} context={context} />
      </article>
    );
  }

  private _pages(results: SweepResults): React.ReactElement | null {
    const { trans } = this.context;
    const total = Object.values(results.counts).reduce((sum, count) => sum + count, 0);
    const last = results.offset + results.points.length;
    if (total <= PAGE && results.offset === 0) {
      return null;
    }
    const turn = (by: number) => () => {
      this._offset = Math.max(0, this._offset + by);
      this.again();
    };
    return (
      <span className="nbops-Pages">
        <span>{trans.__('%1 to %2 of %3', results.offset + 1, last, total)}</span>
        <button className="nbops-Button" disabled={results.offset === 0} onClick={turn(-PAGE)}>
          {trans.__('Better')}
        </button>
        <button className="nbops-Button" disabled={last >= total} onClick={turn(PAGE)}>
          {trans.__('Worse')}
        </button>
      </span>
    );
  }

  private readonly _open = (run: string) => {
    this._opened = this._opened === run ? null : run;
    this.update();
  };

  private _offset = 0;
  private _opened: string | null = null;
}

function Head(props: { results: SweepResults; context: IContext }): React.ReactElement {
  const { results, context } = props;
  const { trans, app } = context;
  const { sweep, counts } = results;
  const began = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const ended = began - (counts.running ?? 0);
  const isRunning = sweep.status === 'running';
  const told = Object.entries(counts).map(([status, count]) => `${count} ${statusWords(status, trans)}`);
  const about = { sweep: sweep.id };
  return (
    <header className="nbops-Head">
      <h1>{text(sweep.name) || short(sweep.id)}</h1>
      <StatusWord status={sweep.status} trans={trans} />
      <span className="nbops-Head-fact">{moment(sweep.started_at)}</span>
      <span className="nbops-Head-fact">
        {duration((sweep.ended_at ?? Date.now() / 1000) - sweep.started_at)}
      </span>
      <button
        className="nbops-Link"
        onClick={() => void app.commands.execute('nbops:open-notebook', { notebook: sweep.notebook })}
      >
        {sweep.notebook}
      </button>
      <p className="nbops-Head-note">
        <progress
          className="nbops-Meter"
          max={Math.max(1, sweep.total)}
          value={ended}
          aria-label={trans.__('Runs that have ended')}
        />{' '}
        {trans.__('%1 of %2 runs', ended, sweep.total)}
        {told.length > 0 && `: ${told.join(', ')}`}
      </p>
      <Actions
        context={context}
        actions={[
          isRunning ? { label: trans.__('Cancel'), command: 'nbops:cancel', args: { id: sweep.id } } : null,
          sweep.status !== 'finished' && !isRunning
            ? { label: trans.__('Resume'), command: 'nbops:resume-sweep', args: about, isPrimary: true }
            : null,
          sweep.best_run_id !== null
            ? { label: trans.__('Promote Best…'), command: 'nbops:promote-best', args: about }
            : null,
          { label: trans.__('List Runs'), command: 'nbops:list-sweep-runs', args: about }
        ]}
      />
    </header>
  );
}

function Tried(props: { sweep: Sweep; context: IContext }): React.ReactElement {
  const { sweep, context } = props;
  const { trans } = context;
  return (
    <Facts
      facts={[
        ...Object.entries(sweep.space).map(([name, values]): [string, string] => [
          name,
          text(values.map(value => text(value, 40)).join(', '), 200)
        ]),
        ...Object.entries(sweep.fixed).map(([name, value]): [string, string] => [name, text(value, 100)]),
        [trans.__('Objective'), sweep.objective],
        [trans.__('Search'), sweep.search],
        [trans.__('Runner'), [sweep.runner, sweep.scheduler].filter(Boolean).join(' ')]
      ]}
    />
  );
}

function Importance(props: { results: SweepResults; context: IContext }): React.ReactElement {
  const { importance, importance_note } = props.results;
  const shares = Object.entries(importance);
  if (shares.length === 0) {
    return <Empty>{text(importance_note)}</Empty>;
  }
  return (
    <Facts
      facts={shares.slice(0, MOST_PARAMETERS).map(([name, share]): [string, React.ReactNode] => [
        name,
        <span className="nbops-Effect">
          {Math.round(100 * share)} %
          <span className="nbops-Progress" aria-hidden="true">
            <span style={{ width: `${100 * share}%` }} />
          </span>
        </span>
      ])}
    />
  );
}

function Running(props: {
  runs: ReadonlyArray<RunSummary>;
  cells: number | null;
  opened: IOpened;
  answer: unknown;
  context: IContext;
}): React.ReactElement {
  const { runs, cells, opened, answer, context } = props;
  const { trans, app } = context;
  return (
    <ul className="nbops-Plain">
      {runs.map(({ run, cells: begun }) => (
        <li key={run.id}>
          <div className="nbops-RunningRow">
            <StatusMark status="running" trans={trans} />
            <RunLink run={run.id} name={run.name} context={context} />
            {cells !== null && cells > 0 && (
              <progress
                className="nbops-Meter"
                max={cells}
                value={Math.min(begun, cells)}
                aria-label={trans.__('Cells of %1', run.name)}
              />
            )}
            <span className="nbops-Table-aside">
              {cells === null ? trans.__('cell %1', begun) : trans.__('cell %1 of %2', begun, cells)}
            </span>
            <OutputButton run={run.id} name={run.name} opened={opened} context={context} />
            <button
              className="nbops-Button"
              aria-label={trans.__('Cancel %1', run.name)}
              onClick={() => void app.commands.execute('nbops:cancel', { id: run.id })}
            >
              {trans.__('Cancel')}
            </button>
          </div>
          {opened.run === run.id && <Output run={run.id} answer={answer} context={context} />}
        </li>
      ))}
    </ul>
  );
}
