import { Dialog, InputDialog, showDialog } from '@jupyterlab/apputils';

import { act } from '../act';
import { text } from '../format';
import { NbopsPanel } from '../panel';
import { statusWords } from '../parts/words';
import { IContext } from '../tokens';
import { textArgs } from './arguments';
import { ICommand, meant, meantNotebook } from './command';

const about = (context: IContext) => textArgs({ schedule: context.trans.__('Id or name of the schedule') });

export function scheduleNotebook(context: IContext): ICommand {
  const { trans } = context;
  return {
    id: 'nbops:schedule-notebook',
    describedBy: textArgs({
      notebook: trans.__('Path of the notebook; the active one when not given'),
      cron: trans.__('Minute, hour, day of the month, month, day of the week')
    }),
    execute: async args => {
      const notebook = meantNotebook(context, args);
      const cron =
        typeof args.cron === 'string' ? args.cron : notebook && (await askTimes(context, notebook));
      if (notebook && cron) {
        await act(
          context,
          'schedule',
          { notebook, cron },
          {
            doing: trans.__('Scheduling %1', notebook),
            done: made =>
              trans.__(
                '%1 is due next at %2\n%3',
                text(made.schedule.name, 60),
                new Date(made.next_at * 1000).toLocaleString(),
                made.notes.join('\n')
              )
          }
        );
      }
    }
  };
}

async function askTimes({ trans }: IContext, notebook: string): Promise<string | null> {
  const asked = await InputDialog.getText({
    title: trans.__('When should %1 run?', notebook),
    label: trans.__('Minute, hour, day of the month, month, day of the week'),
    text: '0 3 * * *',
    okLabel: trans.__('Schedule')
  });
  return asked.button.accept ? asked.value : null;
}

export function openSchedule(context: IContext, panel: NbopsPanel): ICommand {
  const { client, project } = context;
  return {
    id: 'nbops:open-schedule',
    describedBy: about(context),
    execute: async args => {
      const asked = meant(context, args, 'schedule', 'schedule');
      if (asked === undefined) {
        return;
      }
      const states = await client.call('schedules', { limit: 500 }, { project: project.path });
      const found = states.find(({ schedule }) => asked === schedule.id || asked === schedule.name);
      if (found) {
        void panel.reveal('runs');
        const { name, notebook } = found.schedule;
        context.selection.ask(`name = ${JSON.stringify(name)} and notebook = ${JSON.stringify(notebook)}`);
      }
    }
  };
}

/** A command that calls a route about one schedule. */
function onSchedule(
  context: IContext,
  does: {
    id: string;
    /** What is asked before; it is done when that is true. */
    sure?(): Promise<boolean>;
    call(schedule: string): Promise<unknown>;
  }
): ICommand {
  const { sure, call, ...options } = does;
  return {
    ...options,
    describedBy: about(context),
    execute: async args => {
      const schedule = meant(context, args, 'schedule', 'schedule');
      if (schedule !== undefined && (sure === undefined || (await sure()))) {
        await call(schedule);
      }
    }
  };
}

export function fireSchedule(context: IContext): ICommand {
  const { trans } = context;
  return onSchedule(context, {
    id: 'nbops:fire-schedule',
    call: schedule =>
      act(
        context,
        'fire',
        { schedule, now: true },
        {
          doing: trans.__('Running the schedule'),
          done: ({ schedule: fired, firing, message }) =>
            `${text(fired.name, 60)}: ${firing ? statusWords(firing.status, trans) : text(message)}`
        }
      )
  });
}

export function pauseSchedule(context: IContext): ICommand {
  const { trans } = context;
  return onSchedule(context, {
    id: 'nbops:pause-schedule',
    call: schedule =>
      act(
        context,
        'pause',
        { schedule },
        { doing: trans.__('Pausing'), done: paused => trans.__('%1 is paused', text(paused.name, 60)) }
      )
  });
}

export function unpauseSchedule(context: IContext): ICommand {
  const { trans } = context;
  return onSchedule(context, {
    id: 'nbops:unpause-schedule',
    call: schedule =>
      act(
        context,
        'unpause',
        { schedule },
        { doing: trans.__('Unpausing'), done: active => trans.__('%1 goes on', text(active.name, 60)) }
      )
  });
}

export function removeSchedule(context: IContext): ICommand {
  const { trans } = context;
  return onSchedule(context, {
    id: 'nbops:remove-schedule',
    sure: () => isSure(context),
    call: schedule =>
      act(
        context,
        'unschedule',
        { schedule },
        {
          doing: trans.__('Removing the schedule'),
          done: removed =>
            [trans.__('%1 is removed', text(removed.schedule.name, 60)), ...removed.notes].join('\n')
        }
      )
  });
}

async function isSure({ trans }: IContext): Promise<boolean> {
  const { button } = await showDialog({
    title: trans.__('Remove the schedule and its timers? Its runs stay.'),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.warnButton({ label: trans.__('Remove') })
    ]
  });
  return button.accept;
}
