import { Dialog, InputDialog, showDialog } from '@jupyterlab/apputils';
import { closeIcon, launchIcon, runIcon } from '@jupyterlab/ui-components';

import { act } from '../act';
import { text } from '../format';
import { NbopsPanel } from '../panel';
import { statusWords } from '../parts/words';
import { IContext } from '../tokens';
import { ICommand, meant, textArgs } from './command';

const about = (context: IContext) => textArgs({ schedule: context.trans.__('Id or name of the schedule') });

export function scheduleNotebook(context: IContext): ICommand {
  const { app, notebooks, trans } = context;
  const active = () => {
    const path = notebooks?.currentWidget?.context.path;
    return path === undefined ? undefined : app.serviceManager.contents.localPath(path);
  };
  return {
    id: 'nbops:schedule-notebook',
    label: trans.__('Schedule Notebook…'),
    caption: trans.__('Run this notebook again by itself, at the times that cron’s five fields say'),
    icon: launchIcon,
    inPalette: true,
    describedBy: textArgs({
      notebook: trans.__('Path of the notebook; the active one when not given'),
      cron: trans.__('Minute, hour, day of the month, month, day of the week')
    }),
    isEnabled: args => typeof args.notebook === 'string' || active() !== undefined,
    execute: async args => {
      const notebook = typeof args.notebook === 'string' ? args.notebook : active();
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
  const { client, project, trans } = context;
  return {
    id: 'nbops:open-schedule',
    label: trans.__('List Runs'),
    caption: trans.__('List the runs of a schedule'),
    icon: launchIcon,
    describedBy: about(context),
    execute: async args => {
      const asked = meant(context, args, 'schedule', 'schedule');
      if (asked === undefined) {
        return;
      }
      const states = await client.call('schedules', { limit: 500 }, { project: project.path });
      const found = states.find(({ schedule }) => asked === schedule.id || asked === schedule.name);
      if (found) {
        panel.reveal('runs');
        const { name, notebook } = found.schedule;
        context.selection.ask(`name = ${JSON.stringify(name)} and notebook = ${JSON.stringify(notebook)}`);
      }
    }
  };
}

export function fireSchedule(context: IContext): ICommand {
  const { trans } = context;
  return {
    id: 'nbops:fire-schedule',
    label: trans.__('Run Now'),
    caption: trans.__('Run a schedule’s notebook now, whatever its times and conditions say'),
    icon: runIcon,
    describedBy: about(context),
    execute: async args => {
      const schedule = meant(context, args, 'schedule', 'schedule');
      if (schedule !== undefined) {
        await act(
          context,
          'fire',
          { schedule, now: true },
          {
            doing: trans.__('Running the schedule'),
            done: fired =>
              trans.__(
                '%1: %2',
                text(fired.schedule.name, 60),
                fired.firing ? statusWords(fired.firing.status, trans) : text(fired.message)
              )
          }
        );
      }
    }
  };
}

export function pauseSchedule(context: IContext): ICommand {
  const { trans } = context;
  return {
    id: 'nbops:pause-schedule',
    label: trans.__('Pause Schedule'),
    caption: trans.__('Let a schedule’s times pass until it is unpaused'),
    describedBy: about(context),
    execute: async args => {
      const schedule = meant(context, args, 'schedule', 'schedule');
      if (schedule !== undefined) {
        await act(
          context,
          'pause',
          { schedule },
          { doing: trans.__('Pausing'), done: paused => trans.__('%1 is paused', text(paused.name, 60)) }
        );
      }
    }
  };
}

export function unpauseSchedule(context: IContext): ICommand {
  const { trans } = context;
  return {
    id: 'nbops:unpause-schedule',
    label: trans.__('Unpause Schedule'),
    caption: trans.__('Let a paused schedule fire again, from its next time on'),
    describedBy: about(context),
    execute: async args => {
      const schedule = meant(context, args, 'schedule', 'schedule');
      if (schedule !== undefined) {
        await act(
          context,
          'unpause',
          { schedule },
          { doing: trans.__('Unpausing'), done: active => trans.__('%1 goes on', text(active.name, 60)) }
        );
      }
    }
  };
}

export function removeSchedule(context: IContext): ICommand {
  const { trans } = context;
  return {
    id: 'nbops:remove-schedule',
    label: trans.__('Remove Schedule'),
    caption: trans.__('Remove a schedule and its timers on the server’s machine; its runs stay'),
    icon: closeIcon,
    describedBy: about(context),
    execute: async args => {
      const schedule = meant(context, args, 'schedule', 'schedule');
      if (schedule !== undefined && (await isSure(context))) {
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
  };
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
