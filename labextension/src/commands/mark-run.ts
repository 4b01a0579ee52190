import { IContext } from '../tokens';
import { commandOn } from './arguments';
import { ICommand } from './command';

export function markRun(context: IContext): ICommand {
  return commandOn(context, 'run', {
    id: 'nbops:mark-run',
    about: context.trans.__('Id of the run'),
    execute: run => context.selection.toggle(run)
  });
}
