import { IContext } from '../tokens';
import { textArgs } from './arguments';
import { ICommand, meant } from './command';

export function openCell(context: IContext): ICommand {
  const { trans } = context;
  return {
    id: 'nbops:open-cell',
    describedBy: textArgs({ execution: trans.__('Id of the cell’s execution') }),
    execute: async args => {
      const execution = meant(context, args, 'execution', 'execution');
      if (execution !== undefined) {
        const { openExecution } = await import('../documents');
        await openExecution(context, execution);
      }
    }
  };
}

export function showExecution(context: IContext): ICommand {
  const { trans } = context;
  return {
    id: 'nbops:show-execution',
    describedBy: textArgs({ execution: trans.__('Id of the cell’s execution') }),
    execute: async args => {
      const execution = meant(context, args, 'execution', 'execution');
      if (execution !== undefined) {
        const documents = await import('../documents');
        documents.showExecution(context, execution);
      }
    }
  };
}
