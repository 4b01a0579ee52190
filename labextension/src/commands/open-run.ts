import { IContext } from '../tokens';
import { commandOn } from './arguments';
import { ICommand } from './command';

export function openRun(context: IContext): ICommand {
  return commandOn(context, 'run', {
    id: 'nbops:open-run',
    about: context.trans.__('Id of the run'),
    execute: async run => (await import('../documents')).openRunDocument(context, run)
  });
}
