import { InputDialog } from '@jupyterlab/apputils';

import { act } from '../act';
import { moment, text } from '../format';
import { NbopsPanel } from '../panel';
import { statusWords } from '../parts/words';
import { IContext } from '../tokens';
import { commandOn, textArgs, textOf } from './arguments';
import { ICommand, meantNotebook } from './command';
import { isSure } from './confirm';

const about = (context: IContext) => context.trans.__('Id or name of the schedule');

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
      const cron = textOf(args.cron) || (notebook && (await askTimes(context, notebook)));
      if (notebook && cron) {
        await act(
          context,
          'schedule',
          { notebook, cron },
          {
            doing: trans.__('Scheduling %1', notebook),
            done: made =>
              [
                trans.__('%1 is due next at %2', text(made.schedule.name, 60), moment(made.next_at)),
                ...made.notes
              ].join('\n')
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
  return commandOn(context, 'schedule', {
    id: 'nbops:open-schedule',
    about: about(context),
    execute: async asked => {
      const states = await client.call('schedules', { limit: 500 }, { project: project.path });
      const found = states.find(({ schedule }) => asked === schedule.id || asked === schedule.name);
      if (found) {
        void panel.reveal('runs');
        const { name, notebook } = found.schedule;
        context.selection.ask(`name = ${JSON.stringify(name)} and notebook = ${JSON.stringify(notebook)}`);
      }
    }
  });
}

export function fireSchedule(context: IContext): ICommand {
  const { trans } = context;
  return commandOn(context, 'schedule', {
    id: 'nbops:fire-schedule',
    about: about(context),
    execute: schedule =>
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
  return commandOn(context, 'schedule', {
    id: 'nbops:pause-schedule',
    about: about(context),
    execute: schedule =>
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
  return commandOn(context, 'schedule', {
    id: 'nbops:unpause-schedule',
    about: about(context),
    execute: schedule =>
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
  return commandOn(context, 'schedule', {
    id: 'nbops:remove-schedule',
    about: about(context),
    execute: async schedule => {
      const question = {
        title: trans.__('Remove the schedule?'),
        body: trans.__('Its timers on the server’s machine go with it. Its runs stay.'),
        accept: trans.__('Remove')
      };
      if (await isSure(context, question)) {
        await act(
          context,
          'unschedule',
          { schedule },
          {
            doing: trans.__('Removing the schedule'),
            done: removed =>
              [trans.__('%1 is removed', text(removed.schedule.name, 60)), ...removed.notes].join('\n')
          }
        );
      }
    }
  });
}
