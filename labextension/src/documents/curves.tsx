import * as React from 'react';

import { Metric } from '../schema';
import { IContext } from '../tokens';
import { LineChart } from './chart';
import { Block } from './parts';

const MOST_CHARTS = 12;

/** Metrics over steps, one chart for each, with a line for each run; nothing where none has more than one value. */
export function Curves(props: {
  runs: ReadonlyArray<{ name: string; metrics: ReadonlyArray<Metric> }>;
  context: IContext;
}): React.ReactElement | null {
  const { runs, context } = props;
  const { trans } = context;
  const drawn = curvesOf(runs);
  if (drawn.size === 0) {
    return null;
  }
  return (
    <Block title={trans.__('Over steps')} isWide>
      <div className="nbops-Charts">
        {[...drawn].slice(0, MOST_CHARTS).map(([metric, series]) => (
          <LineChart
            key={metric}
            context={context}
            title={metric}
            xTitle={trans.__('step')}
            series={[...series].map(([name, points]) => ({ name, points }))}
          />
        ))}
      </div>
    </Block>
  );
}

type Points = { x: number; y: number }[];

/** Metric → run → its points, of the metrics that some run has more than one value of. */
function curvesOf(
  runs: ReadonlyArray<{ name: string; metrics: ReadonlyArray<Metric> }>
): Map<string, Map<string, Points>> {
  const found = new Map<string, Map<string, Points>>();
  for (const { name, metrics } of runs) {
    for (const metric of metrics) {
      const series = found.get(metric.name) ?? new Map<string, Points>();
      const points = series.get(name) ?? [];
      points.push({ x: metric.step ?? points.length, y: metric.value });
      found.set(metric.name, series.set(name, points));
    }
  }
  return new Map([...found].filter(([, series]) => [...series.values()].some(points => points.length > 1)));
}
