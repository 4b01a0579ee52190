import * as React from 'react';

import { duration, number, text } from '../format';
import { StatusMark } from '../parts/status';
import { statusWords } from '../parts/words';
import { Point, SweepResults } from '../schema';
import { IContext } from '../tokens';
import { Empty } from './parts';
import { IOpened, Output, OutputButton, RunLink } from './sweep-output';

/** How many parameters have columns or bars of their own. */
export const MOST_PARAMETERS = 8;

/** What the runs of a sweep tried and reached, the best first. */
export function Results(props: {
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
            <th scope="col" className="nbops-mod-number">
              {trans.__('Trial')}
            </th>
            <th scope="col">{trans.__('Run')}</th>
            {[...goals, ...names].map((name, place) => (
              <th key={`${place} ${name}`} scope="col" className="nbops-mod-number">
                {text(name, 40)}
              </th>
            ))}
            <th scope="col" className="nbops-mod-number">
              {trans.__('Took')}
            </th>
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
      <td className="nbops-mod-number nbops-mod-whole">
        {point.seconds === null ? '' : duration(point.seconds)}
      </td>
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
