import { launchIcon } from '@jupyterlab/ui-components';

import { IContext } from '../tokens';
import { ICommand, meant, textArgs } from './command';

export function openRun(context: IContext): ICommand {
  const { trans } = context;
  return {
    id: 'nbops:open-run',
    label: trans.__('Open Run'),
    caption: trans.__('Open a run with its parameters, metrics, cells and artifacts'),
    icon: launchIcon,
    describedBy: textArgs({ run: trans.__('Id of the run') }),
    execute: async args => {
      const run = meant(context, args, 'run', 'run');
      if (run !== undefined) {
        const { openRunDocument } = await import('../documents');
        openRunDocument(context, run);
      }
    }
  };
}
