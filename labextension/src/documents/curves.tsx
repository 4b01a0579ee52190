import * as React from 'react';

import { text } from '../format';
import { Curve } from '../schema';
import { IContext } from '../tokens';
import { ISeries, LineChart } from './chart';
import { Block } from './parts';

/** Lines that are drawn unless somebody chooses others: of more at a time one follows none. */
const FEW_RUNS = 8;
/** Lines that colours and dashes tell apart, and that the server gives. */
const MOST_RUNS = 20;
const MOST_CHARTS = 12;

/** A run by the name it has in a chart. */
export interface INamedRun {
  id: string;
  name: string;
}

/** Metrics over steps, one chart for each, with a line for each run; nothing where none has more than one value. */
export function Curves(props: {
  runs: ReadonlyArray<INamedRun>;
  /** Another one when there may be new values. */
  stamp: unknown;
  context: IContext;
}): React.ReactElement | null {
  const { runs, context } = props;
  const { trans } = context;
  const [chosen, setChosen] = React.useState(() => runs.slice(0, FEW_RUNS).map(({ id }) => id));
  const curves = useCurves(chosen, props.stamp, context);
  const charts = [...seriesOf(curves, runs)];
  if (charts.length === 0 && runs.length <= FEW_RUNS) {
    return null;
  }
  return (
    <Block title={trans.__('Over steps')} isWide>
      {runs.length > FEW_RUNS && (
        <Choice runs={runs} chosen={chosen} context={context} onChange={setChosen} />
      )}
      {charts.length === 0 && (
        <p className="nbops-None">{trans.__('None of these runs has a metric with more than one value.')}</p>
      )}
      <div className="nbops-Charts">
        {charts.slice(0, MOST_CHARTS).map(([metric, series]) => (
          <LineChart
            key={metric}
            context={context}
            title={metric}
            xTitle={trans.__('step')}
            series={series}
          />
        ))}
      </div>
      {charts.length > MOST_CHARTS && (
        <p className="nbops-None">
          {trans.__('The first %1 of %2 metrics are drawn.', MOST_CHARTS, charts.length)}
        </p>
      )}
    </Block>
  );
}

/** Which of many runs are drawn. */
function Choice(props: {
  runs: ReadonlyArray<INamedRun>;
  chosen: ReadonlyArray<string>;
  context: IContext;
  onChange(chosen: string[]): void;
}): React.ReactElement {
  const { runs, chosen } = props;
  const { trans } = props.context;
  const isFull = chosen.length >= MOST_RUNS;
  return (
    <details className="nbops-CurveChoice">
      <summary>{trans.__('%1 of %2 runs are drawn: choose which', chosen.length, runs.length)}</summary>
      <div className="nbops-Buttons">
        <button
          className="nbops-Button"
          onClick={() => props.onChange(runs.slice(0, MOST_RUNS).map(({ id }) => id))}
        >
          {runs.length <= MOST_RUNS ? trans.__('All') : trans.__('First %1', MOST_RUNS)}
        </button>
        <button className="nbops-Button" onClick={() => props.onChange([])}>
          {trans.__('None')}
        </button>
      </div>
      {isFull && (
        <p className="nbops-None">
          {trans.__('More than %1 lines cannot be told apart: take one away to add another.', MOST_RUNS)}
        </p>
      )}
      <div className="nbops-CurveChoice-runs" role="group" aria-label={trans.__('Runs that are drawn')}>
        {runs.map(({ id, name }) => (
          <label key={id} className="nbops-Check">
            <input
              type="checkbox"
              checked={chosen.includes(id)}
              disabled={isFull && !chosen.includes(id)}
              onChange={event =>
                props.onChange(
                  // In the order of the table, whatever the order of the clicks.
                  runs
                    .map(run => run.id)
                    .filter(run => (run === id ? event.target.checked : chosen.includes(run)))
                )
              }
            />
            {text(name, 60)}
          </label>
        ))}
      </div>
    </details>
  );
}

function useCurves(chosen: ReadonlyArray<string>, stamp: unknown, context: IContext): ReadonlyArray<Curve> {
  const [curves, setCurves] = React.useState<ReadonlyArray<Curve>>([]);
  const { client, project } = context;
  const key = chosen.join(' ');
  React.useEffect(() => {
    if (key === '') {
      setCurves([]);
      return;
    }
    const asked = new AbortController();
    client.call('curves', { runs: key.split(' ') }, { project: project.path, signal: asked.signal }).then(
      setCurves,
      // A run that is gone meanwhile, or a question that was withdrawn: the last picture stays.
      () => undefined
    );
    return () => asked.abort();
  }, [key, stamp, client, project]);
  return curves;
}

/** Metric → its line in each run, in the order of the runs, each with the look it has in every chart. */
function seriesOf(
  curves: ReadonlyArray<Curve>,
  runs: ReadonlyArray<INamedRun>
): Map<string, ReadonlyArray<ISeries>> {
  const drawn = runs.filter(({ id }) => curves.some(({ run_id }) => run_id === id));
  const found = new Map<string, ISeries[]>();
  for (const { run_id, metric, steps, values } of curves) {
    const look = drawn.findIndex(({ id }) => id === run_id);
    const points = values.map((y, index) => ({ x: steps[index], y }));
    found.set(metric, [...(found.get(metric) ?? []), { name: drawn[look]?.name ?? run_id, look, points }]);
  }
  return found;
}
