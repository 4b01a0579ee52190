import { IContext } from '../tokens';
import { textArgs } from './arguments';
import { ICommand, meant } from './command';

export function openRun(context: IContext): ICommand {
  const { trans } = context;
  return {
    id: 'nbops:open-run',
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
