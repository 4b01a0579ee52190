import { act } from '../act';
import { moment, text } from '../format';
import { NbopsPanel } from '../panel';
import { statusWords } from '../parts/words';
import type { Answers } from '../schedule';
import { Routes } from '../schema';
import { IContext } from '../tokens';
import { commandOn, textArgs, textOf } from './arguments';
import { ICommand, meantNotebook } from './command';
import { isSure } from './confirm';

const about = (context: IContext) => context.trans.__('Id or name of the schedule');

export function scheduleNotebook(context: IContext): ICommand {
  const { notebooks, trans } = context;
  return {
    id: 'nbops:schedule-notebook',
    describedBy: textArgs({
      notebook: trans.__('Path of the notebook; the active one when not given'),
      cron: trans.__('Minute, hour, day of the month, month, day of the week'),
      when: trans.__('A condition, such as new-data:data/*.csv')
    }),
    execute: async args => {
      const notebook = meantNotebook(context, args);
      if (notebook === undefined) {
        return;
      }
      const [cron, when] = [textOf(args.cron), textOf(args.when)];
      if (cron || when) {
        await schedule(context, { notebook, cron: cron || undefined, when: when ? [when] : [] });
      } else {
        await notebooks?.currentWidget?.context.save();
        await askSchedule(context, notebook);
      }
    }
  };
}

/** Ask when and how a notebook shall run again, and once more with the same answers where they were refused. */
async function askSchedule(context: IContext, notebook: string): Promise<void> {
  const { client, project, trans } = context;
  const known = await client.call('parameters', { notebook }, { project: project.path });
  const { askForm } = await import('../parts/form');
  const { scheduleFields, scheduleWish } = await import('../schedule');
  let answers: Answers | null = {};
  do {
    answers = await askForm(trans, {
      title: trans.__('When should %1 run?', notebook),
      accept: trans.__('Schedule'),
      fields: scheduleFields(known, answers, trans)
    });
  } while (answers && !(await schedule(context, scheduleWish(notebook, answers))));
}

async function schedule(context: IContext, wish: Routes['schedule']['takes']): Promise<boolean> {
  const { trans } = context;
  const made = await act(context, 'schedule', wish, {
    doing: trans.__('Scheduling %1', wish.notebook),
    done: ({ schedule: { name, conditions }, next_at, notes }) =>
      [
        conditions.length
          ? trans.__('%1 is looked at next at %2', text(name, 60), moment(next_at))
          : trans.__('%1 is due next at %2', text(name, 60), moment(next_at)),
        ...notes
      ].join('\n')
  });
  return made !== null;
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
