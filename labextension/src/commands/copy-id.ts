import { Clipboard } from '@jupyterlab/apputils';

import { IContext } from '../tokens';
import { textArgs } from './arguments';
import { ICommand, meant } from './command';

export function copyId(context: IContext): ICommand {
  const { trans } = context;
  return {
    id: 'nbops:copy-id',
    describedBy: textArgs({ run: trans.__('Id of the run') }),
    execute: args => {
      const id = meant(context, args, 'run', 'run');
      if (id !== undefined) {
        Clipboard.copyToSystem(id);
      }
    }
  };
}
