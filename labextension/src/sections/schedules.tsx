import * as React from 'react';

import { ago, moment, text } from '../format';
import { StatusMark } from '../parts/status';
import { statusWords } from '../parts/words';
import { ScheduleState } from '../schema';
import { IContext } from '../tokens';
import { ListSection, TwoLines } from './list';

/** Schedules: when each notebook is due again, and how it went last. */
export class SchedulesSection extends ListSection<ScheduleState> {
  constructor(context: IContext) {
    super(context);
    this.id = 'nbops-schedules';
  }

  protected readonly tables = ['schedules', 'firings'];

  override readonly actions = [{ command: 'nbops:schedule-notebook' }];

  protected get words() {
    const { trans } = this.context;
    return {
      label: trans.__('Schedules'),
      empty: {
        title: trans.__('Nothing is scheduled'),
        text: trans.__('Run a notebook again by itself, at times or when a condition holds:'),
        code: 'nbops schedule NOTEBOOK --cron "0 3 * * *"'
      }
    };
  }

  protected ask(offset: number, limit: number): Promise<ScheduleState[]> {
    return this.call('schedules', { offset, limit });
  }

  protected idOf(row: ScheduleState): string {
    return row.schedule.id;
  }

  protected nameOf(row: ScheduleState): string {
    const { trans } = this.context;
    return [text(row.schedule.name), statusWords(statusOf(row), trans), when(row), next(row, trans)].join(
      ', '
    );
  }

  protected dataOf(row: ScheduleState): { [name: `data-${string}`]: string } {
    return {
      'data-nbops-schedule': row.schedule.id,
      'data-nbops-paused': String(row.schedule.paused_at !== null)
    };
  }

  protected open(row: ScheduleState): void {
    void this.context.app.commands.execute('nbops:open-schedule', { schedule: row.schedule.id });
  }

  protected draw(row: ScheduleState): React.ReactNode {
    const { trans } = this.context;
    const { schedule, last } = row;
    return (
      <TwoLines
        mark={<StatusMark status={statusOf(row)} trans={trans} />}
        title={text(schedule.name, 100)}
        aside={next(row, trans)}
        second={
          <>
            <span className="nbops-Value">{when(row)}</span>
            {last && (
              <span className={`nbops-Value ${last.status === 'failed' ? 'nbops-mod-bad' : ''}`}>
                {statusWords(last.status, trans)} {ago(last.started_at, Date.now() / 1000, trans)}
              </span>
            )}
          </>
        }
        tooltip={[
          `${text(schedule.notebook)}, ${schedule.timezone}`,
          row.next_at === null ? '' : trans.__('next: %1', moment(row.next_at)),
          last ? text(last.error || last.reason) : ''
        ]
          .filter(Boolean)
          .join('\n')}
      />
    );
  }
}

/** How it went last; `waiting` before the first time. */
function statusOf(row: ScheduleState): string {
  return row.next_at === null ? 'paused' : (row.last?.status ?? 'waiting');
}

function when(row: ScheduleState): string {
  return text([row.schedule.cron, ...row.schedule.conditions].join(' · '), 100);
}

function next(row: ScheduleState, trans: IContext['trans']): string {
  if (row.next_at === null) {
    return trans.__('paused');
  }
  const now = Date.now() / 1000;
  return trans.__('in %1', ago(now - Math.max(10, row.next_at - now), now, trans));
}
