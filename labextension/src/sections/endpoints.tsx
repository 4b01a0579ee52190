import * as React from 'react';

import { number, text } from '../format';
import { StatusMark } from '../parts/status';
import { statusWords } from '../parts/words';
import { EndpointState } from '../schema';
import { IContext } from '../tokens';
import { ListSection, TwoLines } from './list';

/** Endpoints: what answers where, and how it fares. */
export class EndpointsSection extends ListSection<EndpointState> {
  constructor(context: IContext) {
    super(context);
    this.id = 'nbops-endpoints';
  }

  protected readonly tables = ['endpoints', 'deployments', 'windows'];

  protected get words() {
    const { trans } = this.context;
    return {
      label: trans.__('Endpoints'),
      empty: {
        title: trans.__('Nothing is deployed'),
        text: trans.__('Put a model behind a stable address:'),
        code: 'nbops deploy MODEL --name NAME'
      }
    };
  }

  protected async ask(offset: number): Promise<EndpointState[]> {
    return offset > 0 ? [] : this.call('endpoints/state', {});
  }

  /** What dies behind our back is no news of the store. */
  protected override tick(): void {
    this.refresh();
  }

  protected idOf(row: EndpointState): string {
    return row.endpoint.id;
  }

  protected nameOf(row: EndpointState): string {
    const { trans } = this.context;
    return [row.endpoint.name, statusWords(row.endpoint.status, trans), serving(row), drift(row, trans)]
      .filter(Boolean)
      .join(', ');
  }

  protected dataOf(row: EndpointState): { 'data-nbops-endpoint': string } {
    return { 'data-nbops-endpoint': row.endpoint.name };
  }

  protected open(row: EndpointState): void {
    void this.context.app.commands.execute('nbops:open-endpoint', { endpoint: row.endpoint.name });
  }

  protected draw(row: EndpointState): React.ReactNode {
    const { trans } = this.context;
    const isDrifted = row.windows[0]?.verdict === 'drifted';
    return (
      <TwoLines
        mark={<StatusMark status={row.endpoint.status} trans={trans} />}
        title={text(row.endpoint.name, 100)}
        aside={serving(row)}
        second={
          <>
            <span className="nbops-Value">{text(row.endpoint.engine, 40)}</span>
            <span className={`nbops-Value ${isDrifted ? 'nbops-mod-bad' : ''}`}>{drift(row, trans)}</span>
          </>
        }
        tooltip={`${row.endpoint.address}\n${statusWords(row.endpoint.status, trans)}`}
      />
    );
  }
}

function serving(row: EndpointState): string {
  return row.model ? `${text(row.model.model, 60)}@${row.model.number}` : '';
}

function drift(row: EndpointState, trans: IContext['trans']): string {
  const window = row.windows[0];
  if (!window) {
    return trans.__('not measured');
  }
  const latency = window.latency_ms.p95 === undefined ? '' : ` · p95 ${number(window.latency_ms.p95, 3)} ms`;
  const verdict =
    window.verdict === 'too few rows' ? trans.__('too few rows') : statusWords(window.verdict, trans);
  return verdict + latency;
}
