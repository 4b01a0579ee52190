import * as React from 'react';

import { moment, number, text } from '../format';
import { nbopsIcon } from '../icons';
import { StatusWord } from '../parts/status';
import { statusWords } from '../parts/words';
import { Deployment, EndpointState, Window } from '../schema';
import { IContext } from '../tokens';
import { LineChart } from './chart';
import { Document, openInMain } from './document';
import { Chain } from './model';
import { Actions, Block, Code, Empty, Facts } from './parts';
import { Plots } from './plots';

/** Open an endpoint. */
export function openEndpointDocument(context: IContext, endpoint: string): void {
  openInMain(context, {
    again: { command: 'nbops:open-endpoint', args: { endpoint } },
    id: `nbops-endpoint-${endpoint}`,
    title: endpoint,
    caption: context.trans.__('Endpoint %1', endpoint),
    icon: nbopsIcon,
    make: () => new EndpointDocument(context, endpoint)
  });
}

class EndpointDocument extends Document<{ state: EndpointState; logs: string }> {
  constructor(
    context: IContext,
    private readonly _endpoint: string
  ) {
    super(context);
    this.node.setAttribute('aria-label', context.trans.__('Endpoint %1', _endpoint));
  }

  protected override readonly tables = ['endpoints', 'deployments', 'windows', 'artifacts'];

  /** What dies behind our back is no news of the store, and its log goes on growing. */
  protected override readonly askAgainMs = 15_000;

  protected async ask(): Promise<{ state: EndpointState; logs: string }> {
    const { client, project } = this.context;
    const options = { project: project.path };
    const [states, logs] = await Promise.all([
      client.call('endpoints/state', { name: this._endpoint }, options),
      client.call('logs', { endpoint: this._endpoint, lines: 200 }, options).catch(() => '')
    ]);
    return { state: states[0], logs };
  }

  protected draw({ state, logs }: { state: EndpointState; logs: string }): React.ReactElement {
    const { context } = this;
    const { trans, app } = context;
    if (state === undefined) {
      return <Empty>{trans.__('There is no endpoint %1.', this._endpoint)}</Empty>;
    }
    const { endpoint, model, windows } = state;
    const about = { endpoint: endpoint.name };
    return (
      <article>
        <header className="nbops-Head">
          <h1>{text(endpoint.name)}</h1>
          <StatusWord status={endpoint.status} trans={trans} />
          <code className="nbops-Head-fact">{text(endpoint.address)}</code>
          <Actions
            context={context}
            actions={[
              {
                label: trans.__('Measure Drift'),
                command: 'nbops:monitor-endpoint',
                args: about,
                isPrimary: true
              },
              { label: trans.__('Lineage'), command: 'nbops:open-lineage', args: { id: endpoint.name } },
              { label: trans.__('Roll Back…'), command: 'nbops:rollback-endpoint', args: about },
              { label: trans.__('Stop…'), command: 'nbops:stop-endpoint', args: about }
            ]}
          />
        </header>
        <div className="nbops-Blocks">
          <Block title={trans.__('What answers')}>
            <Facts
              facts={[
                [
                  trans.__('Model'),
                  model && (
                    <button
                      className="nbops-Link"
                      onClick={() =>
                        void app.commands.execute('nbops:open-model', {
                          model: `${model.model}@${model.number}`
                        })
                      }
                    >
                      {text(model.model, 80)}@{model.number}
                    </button>
                  )
                ],
                [trans.__('Engine'), endpoint.engine],
                [trans.__('Since'), moment(endpoint.updated_at)]
              ]}
            />
          </Block>
          <Block title={trans.__('Where it came from')}>
            {model ? <Chain version={model} context={context} /> : <Empty>{trans.__('Unknown.')}</Empty>}
          </Block>
          <Block title={trans.__('Requests last measured')}>
            <Health windows={windows} context={context} />
          </Block>
        </div>
        <Plots of={endpoint.id} reference={endpoint.name} answer={state} context={context} />
        {windows[0] && <Drift window={windows[0]} context={context} />}
        {windows.length > 1 && (
          <Block title={trans.__('Over time')} isWide>
            <LineChart
              context={context}
              title={trans.__('Latency in ms')}
              xTitle={trans.__('measurement')}
              series={['p50', 'p95', 'p99'].map(name => ({
                name,
                points: [...windows]
                  .reverse()
                  .map((window, index) => ({ x: index + 1, y: window.latency_ms[name] ?? 0 }))
              }))}
            />
          </Block>
        )}
        <Deployments deployments={state.deployments} split={endpoint.split} context={context} />
        {logs && (
          <Block title={trans.__('Newest lines of its log')} isWide>
            <Code label={trans.__('Log')} text={logs} />
          </Block>
        )}
      </article>
    );
  }
}

function Health(props: { windows: Window[]; context: IContext }): React.ReactElement {
  const { trans } = props.context;
  const window = props.windows[0];
  if (!window) {
    return <Empty>{trans.__('Not measured yet.')}</Empty>;
  }
  return (
    <dl className="nbops-Numbers">
      {(
        [
          [trans.__('requests'), number(window.requests)],
          [trans.__('errors'), number(window.errors)],
          [trans.__('p95 in ms'), number(window.latency_ms.p95, 3)],
          [trans.__('drift'), statusWords(window.verdict, trans)]
        ] as const
      ).map(([name, value]) => (
        <div key={name}>
          <dd>{value || '–'}</dd>
          <dt>{name}</dt>
        </div>
      ))}
    </dl>
  );
}

function Drift(props: { window: Window; context: IContext }): React.ReactElement | null {
  const { window, context } = props;
  const { trans } = context;
  if (window.columns.length === 0) {
    return null;
  }
  const columns = [...window.columns].sort((a, b) => b.effect - a.effect);
  return (
    <Block title={trans.__('Drift by column, over %1 rows', window.rows)} isWide>
      <div
        className="nbops-TableScroll nbops-mod-plain"
        tabIndex={0}
        role="group"
        aria-label={trans.__('Drift by column')}
      >
        <table className="nbops-Table">
          <thead>
            <tr>
              <th scope="col">{trans.__('Column')}</th>
              <th scope="col">{trans.__('Effect')}</th>
              <th scope="col">{trans.__('Test')}</th>
              <th scope="col" className="nbops-mod-number">
                p
              </th>
              <th scope="col">{trans.__('Verdict')}</th>
            </tr>
          </thead>
          <tbody>
            {columns.map(column => (
              <tr key={column.column}>
                <th scope="row">{text(column.column, 60)}</th>
                <td>
                  <span className="nbops-Effect">
                    <span className="nbops-Progress" aria-hidden="true">
                      <span
                        className={column.drifted ? 'nbops-mod-bad' : ''}
                        style={{ width: `${100 * Math.min(1, Math.max(0, column.effect))}%` }}
                      />
                    </span>
                    {number(column.effect, 3)}
                  </span>
                </td>
                <td>{text(column.test, 40)}</td>
                <td className="nbops-mod-number">{number(column.p_value, 3)}</td>
                <td>
                  <StatusWord status={column.drifted ? 'drifted' : 'stable'} trans={trans} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Block>
  );
}

function Deployments(props: {
  deployments: Deployment[];
  split: { [id: string]: number };
  context: IContext;
}): React.ReactElement {
  const { trans } = props.context;
  return (
    <Block title={trans.__('Deployments')} isWide>
      <div
        className="nbops-TableScroll nbops-mod-plain"
        tabIndex={0}
        role="group"
        aria-label={trans.__('Deployments')}
      >
        <table className="nbops-Table">
          <thead>
            <tr>
              <th scope="col">{trans.__('Version')}</th>
              <th scope="col">{trans.__('Status')}</th>
              <th scope="col" className="nbops-mod-number">
                {trans.__('Share')}
              </th>
              <th scope="col">{trans.__('Started')}</th>
              <th scope="col">{trans.__('Ended')}</th>
            </tr>
          </thead>
          <tbody>
            {props.deployments.map(deployment => (
              <tr key={deployment.id}>
                <th scope="row">@{deployment.number}</th>
                <td>
                  <StatusWord status={deployment.status} trans={trans} />
                  {deployment.error && <div className="nbops-mod-badText">{text(deployment.error, 400)}</div>}
                </td>
                <td className="nbops-mod-number">
                  {props.split[deployment.id] === undefined ? '' : `${props.split[deployment.id]} %`}
                </td>
                <td>{moment(deployment.started_at)}</td>
                <td>{moment(deployment.stopped_at)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Block>
  );
}
