import * as React from 'react';

import { ago, number, text } from '../format';
import { StatusMark } from '../parts/status';
import { statusWords } from '../parts/words';
import { SweepState } from '../schema';
import { IContext } from '../tokens';
import { ListSection, TwoLines } from './list';

/** Sweeps: how far each has come, and its best run. */
export class SweepsSection extends ListSection<SweepState> {
  constructor(context: IContext) {
    super(context);
    this.id = 'nbops-sweeps';
  }

  protected readonly tables = ['sweeps', 'runs', 'metrics'];

  override readonly actions = [{ command: 'nbops:retrain-notebook' }];

  protected get words() {
    const { trans } = this.context;
    return {
      label: trans.__('Sweeps'),
      empty: {
        title: trans.__('No sweeps yet'),
        text: trans.__('Run a notebook with other parameters, once or over a grid:'),
        code: 'nbops retrain NOTEBOOK --grid depth=2,4,8'
      }
    };
  }

  protected ask(offset: number, limit: number): Promise<SweepState[]> {
    return this.call('sweeps/state', { offset, limit });
  }

  protected idOf(row: SweepState): string {
    return row.sweep.id;
  }

  protected nameOf(row: SweepState): string {
    const { trans } = this.context;
    return [
      text(row.sweep.name),
      statusWords(row.sweep.status, trans),
      trans.__('%1 of %2 runs', row.ended, row.sweep.total),
      best(row)
    ].join(', ');
  }

  protected dataOf(row: SweepState): { 'data-nbops-sweep': string } {
    return { 'data-nbops-sweep': row.sweep.id };
  }

  protected open(row: SweepState): void {
    void this.context.app.commands.execute('nbops:open-sweep', { sweep: row.sweep.id });
  }

  protected draw(row: SweepState): React.ReactNode {
    const { trans } = this.context;
    const { sweep } = row;
    const isRunning = sweep.status === 'running';
    return (
      <TwoLines
        mark={<StatusMark status={sweep.status} trans={trans} />}
        title={text(sweep.name, 100)}
        aside={isRunning ? `${row.ended}/${sweep.total}` : ago(sweep.started_at, Date.now() / 1000, trans)}
        second={
          isRunning ? (
            <span className="nbops-Progress" aria-hidden="true">
              <span style={{ width: `${(100 * row.ended) / Math.max(1, sweep.total)}%` }} />
            </span>
          ) : (
            <>
              <span className="nbops-Value">{trans.__('%1 of %2 runs', row.ended, sweep.total)}</span>
              {row.failed > 0 && (
                <span className="nbops-Value nbops-mod-bad">{trans.__('%1 failed', row.failed)}</span>
              )}
              <span className="nbops-Value nbops-mod-metric">{best(row)}</span>
            </>
          )
        }
        tooltip={`${sweep.notebook}\n${Object.entries(sweep.space)
          .map(([name, values]) => `${name}: ${text(values, 80)}`)
          .join('\n')}`}
      />
    );
  }
}

function best(row: SweepState): string {
  const metric = row.sweep.objective?.split(':')[1];
  const value = metric === undefined ? undefined : row.best?.metrics[metric];
  return value === undefined ? '' : `${metric} ${number(value, 4)}`;
}
