import * as React from 'react';

import { duration, number, text } from '../format';
import { StatusMark } from '../parts/status';
import { Fit, Score } from '../schema';
import { IContext } from '../tokens';
import { Block } from './parts';

/** What was fitted in a run: one row for each call of `fit`, with its data, time and scores. */
export function Fits(props: { fits: Fit[]; context: IContext }): React.ReactElement | null {
  const { fits, context } = props;
  const { trans } = context;
  if (fits.length === 0) {
    return null;
  }
  return (
    <Block title={trans.__('Fits')} isWide>
      <div className="nbops-TableScroll" tabIndex={0} role="group" aria-label={trans.__('Fits')}>
        <table className="nbops-Table">
          <thead>
            <tr>
              <th scope="col">{trans.__('Estimator')}</th>
              <th scope="col">{trans.__('Data')}</th>
              <th scope="col" className="nbops-mod-number">
                {trans.__('Took')}
              </th>
              <th scope="col">{trans.__('Scores')}</th>
              <th scope="col">{trans.__('Cell')}</th>
            </tr>
          </thead>
          <tbody>
            {fits.map(fit => (
              <FitRow key={fit.id} fit={fit} context={context} />
            ))}
          </tbody>
        </table>
      </div>
    </Block>
  );
}

function FitRow(props: { fit: Fit; context: IContext }): React.ReactElement {
  const { fit, context } = props;
  const { trans, app } = context;
  const kind = fit.type_name.slice(fit.type_name.lastIndexOf('.') + 1);
  return (
    <tr title={parameters(fit)}>
      <th scope="row">
        <span className="nbops-Check">
          <StatusMark status={fit.status} trans={trans} />
          {fit.name ? `${text(fit.name, 40)}: ${kind}` : kind}
        </span>
      </th>
      <td>{data(fit)}</td>
      <td className="nbops-mod-number">{duration(fit.took_s)}</td>
      <td>
        {fit.error ? text(`${fit.error.name}: ${fit.error.message}`, 120) : scores(fit.scores).join(', ')}
      </td>
      <td>
        {fit.execution_id && (
          <button
            className="nbops-Link"
            onClick={() => void app.commands.execute('nbops:open-cell', { execution: fit.execution_id })}
          >
            {trans.__('to its cell')}
          </button>
        )}
      </td>
    </tr>
  );
}

function data(fit: Fit): string {
  const { x } = fit;
  return x === null ? '' : [text(x.name, 40), x.shape.join(' × ')].filter(Boolean).join(' ');
}

/** The last value of each score on each data set. */
function scores(all: Score[]): string[] {
  const last = new Map(all.map(score => [`${score.name} ${score.data}`, score]));
  return [...last.values()].map(score =>
    [score.name, number(score.value), score.data && `(${text(score.data, 40)})`].filter(Boolean).join(' ')
  );
}

function parameters(fit: Fit): string {
  return Object.entries(fit.params)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name} = ${text(number(value), 60)}`)
    .slice(0, 30)
    .join('\n');
}
