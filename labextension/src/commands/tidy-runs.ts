import { act } from '../act';
import { short } from '../format';
import { IField } from '../parts/form';
import { Routes, Run } from '../schema';
import { IContext } from '../tokens';
import { commandOn, textArgs, textOf } from './arguments';
import { ICommand, meantRuns } from './command';
import { isSure } from './confirm';

/** A run's name, tags and note, and the lists it stands in. */
export const tidyRuns = [renameRun, tagRun, noteOnRun, archiveRuns, deleteRuns, restoreRuns];

const about = (context: IContext) => context.trans.__('Id of the run');

function renameRun(context: IContext): ICommand {
  const { trans } = context;
  return commandOn(context, 'run', {
    id: 'nbops:rename-run',
    about: about(context),
    args: { name: trans.__('The name; asked for when not given') },
    execute: async (run, args) => {
      const name =
        textOf(args.name) ||
        (await ask(context, {
          title: trans.__('Rename run %1', short(run)),
          label: trans.__('Name'),
          value: (await recorded(context, run))?.name,
          isRequired: true
        }));
      if (name) {
        await act(
          context,
          'rename',
          { run, name },
          {
            doing: trans.__('Renaming the run'),
            done: renamed => trans.__('The run is called %1', renamed.name)
          }
        );
      }
    }
  });
}

function tagRun(context: IContext): ICommand {
  const { trans } = context;
  return commandOn(context, 'run', {
    id: 'nbops:tag-run',
    about: about(context),
    args: { tag: trans.__('NAME=VALUE, or a name alone to take the tag away; asked for when not given') },
    execute: async (run, args) => {
      const tag =
        textOf(args.tag) ||
        (await ask(context, {
          title: trans.__('Tag run %1', short(run)),
          label: trans.__('Tag'),
          isRequired: true,
          placeholder: 'reviewed=yes',
          help: trans.__('NAME=VALUE; a name alone takes the tag away')
        }));
      if (tag) {
        const [name, value] = tag.split(/=(.*)/s).map(part => part.trim());
        const takes = value === undefined ? { run, remove: [name] } : { run, tags: { [name]: value } };
        await act(context, 'tag', takes, {
          doing: trans.__('Tagging the run'),
          done: () => trans.__('Tagged')
        });
      }
    }
  });
}

function noteOnRun(context: IContext): ICommand {
  const { trans } = context;
  return commandOn(context, 'run', {
    id: 'nbops:note-on-run',
    about: about(context),
    args: { text: trans.__('The note; asked for when not given') },
    execute: async (run, args) => {
      const text =
        typeof args.text === 'string'
          ? args.text
          : await ask(context, {
              title: trans.__('Note on run %1', short(run)),
              label: trans.__('Note'),
              value: (await recorded(context, run))?.note
            });
      if (text !== null) {
        await act(
          context,
          'note',
          { run, text },
          { doing: trans.__('Writing the note'), done: () => trans.__('Noted') }
        );
      }
    }
  });
}

function archiveRuns(context: IContext): ICommand {
  const { trans } = context;
  return onRuns(context, {
    id: 'nbops:archive-runs',
    route: 'archive',
    doing: trans.__('Archiving'),
    done: count => trans._n('%1 run archived', '%1 runs archived', count)
  });
}

function deleteRuns(context: IContext): ICommand {
  const { trans } = context;
  return onRuns(context, {
    id: 'nbops:delete-runs',
    route: 'delete',
    doing: trans.__('Deleting'),
    done: count => trans._n('%1 run is in the trash', '%1 runs are in the trash', count),
    sure: count =>
      isSure(context, {
        title: trans._n('Delete %1 run?', 'Delete %1 runs?', count),
        body: trans._n(
          'It stays in the trash, from which it can be restored.',
          'They stay in the trash, from which they can be restored.',
          count
        ),
        accept: trans.__('Delete')
      })
  });
}

function restoreRuns(context: IContext): ICommand {
  const { trans } = context;
  return onRuns(context, {
    id: 'nbops:restore-runs',
    route: 'restore',
    doing: trans.__('Restoring'),
    done: count => trans._n('%1 run restored', '%1 runs restored', count)
  });
}

/** A command that moves runs from one list to another. */
function onRuns(
  context: IContext,
  does: {
    id: string;
    route: 'archive' | 'delete' | 'restore';
    doing: string;
    done(count: number): string;
    /** What is asked before; it is done when that is true. */
    sure?(count: number): Promise<boolean>;
  }
): ICommand {
  const { id, route, doing, done, sure } = does;
  return {
    id,
    describedBy: textArgs({
      run: context.trans.__('Id of the run; the marked runs when it is one of them')
    }),
    execute: async args => {
      const runs = meantRuns(context, args);
      if (runs.length > 0 && (sure === undefined || (await sure(runs.length)))) {
        await act(
          context,
          route,
          { runs },
          { doing, done: (moved: Routes[typeof route]['gives']) => done(moved.length) }
        );
        context.selection.unmark();
      }
    }
  };
}

/** The run as it stands, so that its name or note can be amended. */
async function recorded({ client, project }: IContext, run: string): Promise<Run | undefined> {
  return (await client.call('records/runs', { id: run }, { project: project.path }))[0];
}

async function ask(
  { trans }: IContext,
  question: Omit<IField, 'name'> & { title: string }
): Promise<string | null> {
  const { askForm } = await import('../parts/form');
  const { title, ...field } = question;
  const answers = await askForm(trans, {
    title,
    accept: trans.__('Save'),
    fields: [{ name: 'answer', ...field }]
  });
  return answers && answers.answer;
}
