import { Clipboard } from '@jupyterlab/apputils';
import { copyIcon } from '@jupyterlab/ui-components';

import { IContext } from '../tokens';
import { ICommand, meant, textArgs } from './command';

export function copyId(context: IContext): ICommand {
  const { trans } = context;
  return {
    id: 'nbops:copy-id',
    label: trans.__('Copy Id'),
    caption: trans.__('Copy the id, for %nbops show and the command line'),
    icon: copyIcon,
    describedBy: textArgs({ run: trans.__('Id of the run') }),
    execute: args => {
      const id = meant(context, args, 'run', 'run');
      if (id !== undefined) {
        Clipboard.copyToSystem(id);
      }
    }
  };
}
