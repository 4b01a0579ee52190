import * as React from 'react';

import { duration, moment, number, short, text } from '../format';
import { nbopsIcon } from '../icons';
import { StatusMark, StatusWord } from '../parts/status';
import { statusWords } from '../parts/words';
import { asProblem } from '../problem';
import { Point, RunSummary, Sweep, SweepResults, Tail } from '../schema';
import { IContext } from '../tokens';
import { Document, openInMain } from './document';
import { Block, Code, Empty, Facts } from './parts';
import { Plots } from './plots';

const PAGE = 25;
const MOST_RUNNING = 20;
const MOST_PARAMETERS = 8;

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
      client.call('results', { sweep: this._sweep, limit: PAGE, offset: this._offset }, options),
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

/** Which run's output is shown, and how that is changed. */
interface IOpened {
  readonly run: string | null;
  open(run: string): void;
}

function Head(props: { results: SweepResults; context: IContext }): React.ReactElement {
  const { results, context } = props;
  const { trans, app } = context;
  const { sweep, counts } = results;
  const began = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const ended = began - (counts.running ?? 0);
  const isRunning = sweep.status === 'running';
  const told = Object.entries(counts).map(([status, count]) => `${count} ${statusWords(status, trans)}`);
  const run = (command: string, args: { [name: string]: string } = { sweep: sweep.id }) =>
    void app.commands.execute(command, args);
  return (
    <header className="nbops-Head">
      <h1>{text(sweep.name) || short(sweep.id)}</h1>
      <StatusWord status={sweep.status} trans={trans} />
      <span className="nbops-Head-fact">{moment(sweep.started_at)}</span>
      <span className="nbops-Head-fact">
        {duration((sweep.ended_at ?? Date.now() / 1000) - sweep.started_at)}
      </span>
      <button className="nbops-Link" onClick={() => run('nbops:open-notebook', { notebook: sweep.notebook })}>
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
      <div className="nbops-Actions">
        {isRunning && (
          <button className="nbops-Button" onClick={() => run('nbops:cancel', { id: sweep.id })}>
            {trans.__('Cancel')}
          </button>
        )}
        {sweep.status !== 'finished' && !isRunning && (
          <button className="nbops-Button nbops-mod-primary" onClick={() => run('nbops:resume-sweep')}>
            {trans.__('Resume')}
          </button>
        )}
        {sweep.best_run_id !== null && (
          <button className="nbops-Button" onClick={() => run('nbops:promote-best')}>
            {trans.__('Promote Best…')}
          </button>
        )}
        <button className="nbops-Button" onClick={() => run('nbops:list-sweep-runs')}>
          {trans.__('List Runs')}
        </button>
      </div>
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

function Results(props: {
  results: SweepResults;
  opened: IOpened;
  answer: unknown;
  context: IContext;
}): React.ReactElement {
  const { results, opened, answer, context } = props;
  const { trans } = context;
  const names = Object.keys(results.sweep.space).slice(0, MOST_PARAMETERS);
  const goals = results.objectives.map(goal => goal.slice(goal.indexOf(':') + 1));
  if (results.points.length === 0) {
    return <Empty>{trans.__('No run has begun.')}</Empty>;
  }
  const columns = 5 + names.length + goals.length;
  return (
    <div className="nbops-TableScroll" tabIndex={0} role="group" aria-label={trans.__('Results')}>
      <table className="nbops-Table">
        <thead>
          <tr>
            <th scope="col">{trans.__('Trial')}</th>
            <th scope="col">{trans.__('Run')}</th>
            {[...goals, ...names].map((name, place) => (
              <th key={`${place} ${name}`} scope="col">
                {text(name, 40)}
              </th>
            ))}
            <th scope="col">{trans.__('Took')}</th>
            <th scope="col">{trans.__('Note')}</th>
            <th scope="col">{trans.__('Output')}</th>
          </tr>
        </thead>
        <tbody>
          {results.points.map(point => (
            <React.Fragment key={point.run_id}>
              <PointRow point={point} names={names} goals={goals} opened={opened} context={context} />
              {opened.run === point.run_id && point.status !== 'running' && (
                <tr>
                  <td colSpan={columns}>
                    <Output run={point.run_id} answer={answer} context={context} />
                  </td>
                </tr>
              )}
            </React.Fragment>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function PointRow(props: {
  point: Point;
  names: ReadonlyArray<string>;
  goals: ReadonlyArray<string>;
  opened: IOpened;
  context: IContext;
}): React.ReactElement {
  const { point, names, goals, opened, context } = props;
  const { trans } = context;
  return (
    <tr className={point.is_best ? 'nbops-mod-differs' : ''} data-nbops-run={point.run_id}>
      <td className="nbops-mod-number">{point.trial}</td>
      <td>
        <span className="nbops-Check">
          <StatusMark status={point.status} trans={trans} />
          <RunLink run={point.run_id} name={point.name} isShort context={context} />
          <span className="nbops-visuallyHidden">{statusWords(point.status, trans)}</span>
          {point.is_best && <span className="nbops-Chip">{trans.__('best')}</span>}
        </span>
      </td>
      {goals.map((name, place) => (
        <td key={name} className="nbops-mod-number">
          {point.values === null ? '' : number(point.values[place], 6)}
        </td>
      ))}
      {names.map(name => (
        <td key={name} className="nbops-mod-number">
          {text(number(point.params[name]), 40)}
        </td>
      ))}
      <td className="nbops-mod-number">{point.seconds === null ? '' : duration(point.seconds)}</td>
      <td className="nbops-Table-aside">{text(point.note, 80)}</td>
      <td>
        {/* What goes on stands above, with its output. */}
        {point.status !== 'running' && (
          <OutputButton run={point.run_id} name={point.name} opened={opened} context={context} />
        )}
      </td>
    </tr>
  );
}

function RunLink(props: {
  run: string;
  name: string;
  /** Where its point stands beside it: by its id. */
  isShort?: boolean;
  context: IContext;
}): React.ReactElement {
  const { run, name, isShort, context } = props;
  return (
    <button
      className={`nbops-Link ${isShort ? 'nbops-mod-code' : ''}`}
      title={text(name)}
      aria-label={text(name) || short(run)}
      onClick={() => void context.app.commands.execute('nbops:open-run', { run })}
    >
      {(!isShort && text(name, 80)) || short(run)}
    </button>
  );
}

function OutputButton(props: {
  run: string;
  name: string;
  opened: IOpened;
  context: IContext;
}): React.ReactElement {
  const { run, name, opened, context } = props;
  const { trans } = context;
  const isOpen = opened.run === run;
  return (
    <button
      className="nbops-Button"
      aria-expanded={isOpen}
      aria-label={trans.__('Output of %1', name)}
      onClick={() => opened.open(run)}
    >
      {isOpen ? trans.__('Hide') : trans.__('Output')}
    </button>
  );
}

/** The last lines of a run, asked for again when something has been written; of a failed one the traceback. */
function Output(props: { run: string; answer: unknown; context: IContext }): React.ReactElement {
  const { run, answer, context } = props;
  const { client, project, trans } = context;
  const [tail, setTail] = React.useState<Tail | null>(null);
  const [problem, setProblem] = React.useState<string | null>(null);
  React.useEffect(() => {
    const asked = new AbortController();
    client.call('tail', { run, lines: 40 }, { project: project.path, signal: asked.signal }).then(
      found => {
        setTail(found);
        setProblem(null);
      },
      error => asked.signal.aborted || setProblem(asProblem(error).detail)
    );
    return () => asked.abort();
  }, [run, answer, client, project.path]);
  if (problem !== null) {
    return <Empty>{problem}</Empty>;
  }
  if (tail === null) {
    return <Empty>{trans.__('Reading…')}</Empty>;
  }
  const { error } = tail.run;
  return (
    <div className="nbops-Output">
      {tail.text === '' ? (
        <Empty>{trans.__('Nothing printed yet.')}</Empty>
      ) : (
        <Code label={trans.__('Last lines')} text={tail.text} />
      )}
      {error && (
        <Code
          kind="error"
          label={trans.__('Error')}
          text={error.traceback || `${error.name}: ${error.message}`}
        />
      )}
    </div>
  );
}
