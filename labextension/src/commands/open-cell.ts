import { IContext } from '../tokens';
import { commandOn } from './arguments';
import { ICommand } from './command';

export function openCell(context: IContext): ICommand {
  return commandOn(context, 'execution', {
    id: 'nbops:open-cell',
    about: context.trans.__('Id of the cell’s execution'),
    execute: async execution => (await import('../documents')).openExecution(context, execution)
  });
}

export function showExecution(context: IContext): ICommand {
  return commandOn(context, 'execution', {
    id: 'nbops:show-execution',
    about: context.trans.__('Id of the cell’s execution'),
    execute: async execution => (await import('../documents')).showExecution(context, execution)
  });
}
