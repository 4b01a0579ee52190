import { IContext } from '../tokens';
import { commandOn } from './arguments';
import { ICommand } from './command';
import { openPath } from './open-path';

export function openNotebook(context: IContext): ICommand {
  return commandOn(context, 'notebook', {
    id: 'nbops:open-notebook',
    about: context.trans.__('Path of the notebook, from the project’s folder'),
    execute: notebook => openPath(context, notebook)
  });
}
