import { Notification } from '@jupyterlab/apputils';

import { act } from '../act';
import { text } from '../format';
import { statusWords } from '../parts/words';
import { Run } from '../schema';
import { IContext } from '../tokens';
import { commandOn } from './arguments';
import { ICommand } from './command';

/** Run a run's notebook once more, as it is now, with the parameters that the run had. */
export function rerun(context: IContext): ICommand {
  const { trans } = context;
  return commandOn(context, 'run', {
    id: 'nbops:rerun',
    about: trans.__('Id of the run'),
    execute: async run => {
      const again = await known(context, run);
      if (again) {
        await act(
          context,
          'retrain',
          { ...again, again: true },
          {
            doing: trans.__('Running %1 again', again.notebook),
            done: sweep => trans.__('%1 is %2', text(sweep.name, 60), statusWords(sweep.status, trans))
          }
        );
      }
    }
  });
}

/** The notebook of a run with the values of those parameters that it still has; null, and a word about it, where it has none. */
async function known(
  context: IContext,
  run: string
): Promise<{ notebook: string; param: { [name: string]: string } } | null> {
  const { client, project, trans } = context;
  const options = { project: project.path };
  const page = await client.call('show', { id: run }, options);
  const { notebook } = page.record as unknown as Run;
  if (notebook === null) {
    Notification.warning(trans.__('This run came from no notebook.'));
    return null;
  }
  const asked = await client.call('parameters', { notebook }, options);
  const had = asked.map(({ name }) => name).filter(name => name in page.params);
  return { notebook, param: Object.fromEntries(had.map(name => [name, written(page.params[name])])) };
}

/** A value as it is typed after `--param NAME=`. */
function written(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
