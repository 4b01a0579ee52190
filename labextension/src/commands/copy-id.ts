import { Clipboard } from '@jupyterlab/apputils';

import { IContext } from '../tokens';
import { commandOn } from './arguments';
import { ICommand } from './command';

export function copyId(context: IContext): ICommand {
  return commandOn(context, 'run', {
    id: 'nbops:copy-id',
    about: context.trans.__('Id of the run'),
    execute: run => Clipboard.copyToSystem(run)
  });
}
