import { Dialog, showDialog } from '@jupyterlab/apputils';

import { act } from '../act';
import { short } from '../format';
import { IContext } from '../tokens';
import { textArgs } from './arguments';
import { ICommand, meant, meantRuns } from './command';

/** A run's name, tags and note, and the lists it stands in. */
export const tidyRuns = [renameRun, tagRun, noteOnRun, archiveRuns, deleteRuns, restoreRuns];

function renameRun(context: IContext): ICommand {
  const { trans } = context;
  return {
    id: 'nbops:rename-run',
    describedBy: textArgs({ run: trans.__('Id of the run') }),
    execute: async args => {
      const run = meant(context, args, 'run', 'run');
      const answers = run
        ? await ask(context, trans.__('Rename run %1', short(run)), 'name', trans.__('Name'))
        : null;
      if (run && answers?.name) {
        await act(
          context,
          'rename',
          { run, name: answers.name },
          {
            doing: trans.__('Renaming the run'),
            done: renamed => trans.__('The run is called %1', renamed.name)
          }
        );
      }
    }
  };
}

function tagRun(context: IContext): ICommand {
  const { trans } = context;
  return {
    id: 'nbops:tag-run',
    describedBy: textArgs({ run: trans.__('Id of the run') }),
    execute: async args => {
      const run = meant(context, args, 'run', 'run');
      const answers = run
        ? await ask(context, trans.__('Tag run %1', short(run)), 'tag', trans.__('Tag'), {
            placeholder: 'reviewed=yes',
            help: trans.__('NAME=VALUE; a name alone takes the tag away')
          })
        : null;
      if (run && answers?.tag) {
        const [name, value] = answers.tag.split(/=(.*)/s).map(part => part.trim());
        const takes = value === undefined ? { run, remove: [name] } : { run, tags: { [name]: value } };
        await act(context, 'tag', takes, {
          doing: trans.__('Tagging the run'),
          done: () => trans.__('Tagged')
        });
      }
    }
  };
}

function noteOnRun(context: IContext): ICommand {
  const { trans } = context;
  return {
    id: 'nbops:note-on-run',
    describedBy: textArgs({ run: trans.__('Id of the run') }),
    execute: async args => {
      const run = meant(context, args, 'run', 'run');
      const answers = run
        ? await ask(context, trans.__('Note on run %1', short(run)), 'text', trans.__('Note'))
        : null;
      if (run && answers) {
        await act(
          context,
          'note',
          { run, text: answers.text },
          {
            doing: trans.__('Writing the note'),
            done: () => trans.__('Noted')
          }
        );
      }
    }
  };
}

function archiveRuns(context: IContext): ICommand {
  const { trans } = context;
  return {
    id: 'nbops:archive-runs',
    describedBy: textArgs({ run: trans.__('Id of the run; the marked runs when it is one of them') }),
    execute: async args => {
      const runs = meantRuns(context, args);
      if (runs.length) {
        await act(
          context,
          'archive',
          { runs },
          {
            doing: trans.__('Archiving'),
            done: archived => trans._n('%1 run archived', '%1 runs archived', archived.length)
          }
        );
      }
    }
  };
}

function deleteRuns(context: IContext): ICommand {
  const { trans } = context;
  return {
    id: 'nbops:delete-runs',
    describedBy: textArgs({ run: trans.__('Id of the run; the marked runs when it is one of them') }),
    execute: async args => {
      const runs = meantRuns(context, args);
      if (runs.length === 0) {
        return;
      }
      const { button } = await showDialog({
        title: trans._n('Delete %1 run?', 'Delete %1 runs?', runs.length),
        body: trans.__('They stay in the trash, from which they can be restored.'),
        buttons: [
          Dialog.cancelButton({ label: trans.__('Cancel') }),
          Dialog.warnButton({ label: trans.__('Delete') })
        ]
      });
      if (button.accept) {
        await act(
          context,
          'delete',
          { runs },
          {
            doing: trans.__('Deleting'),
            done: deleted => trans._n('%1 run is in the trash', '%1 runs are in the trash', deleted.length)
          }
        );
        context.selection.unmark();
      }
    }
  };
}

function restoreRuns(context: IContext): ICommand {
  const { trans } = context;
  return {
    id: 'nbops:restore-runs',
    describedBy: textArgs({ run: trans.__('Id of the run; the marked runs when it is one of them') }),
    execute: async args => {
      const runs = meantRuns(context, args);
      if (runs.length) {
        await act(
          context,
          'restore',
          { runs },
          {
            doing: trans.__('Restoring'),
            done: restored => trans._n('%1 run restored', '%1 runs restored', restored.length)
          }
        );
        context.selection.unmark();
      }
    }
  };
}

async function ask(
  { trans }: IContext,
  title: string,
  name: string,
  label: string,
  more: { placeholder?: string; help?: string } = {}
): Promise<{ [name: string]: string } | null> {
  const { askForm } = await import('../parts/form');
  return askForm(trans, { title, accept: trans.__('Save'), fields: [{ name, label, ...more }] });
}
