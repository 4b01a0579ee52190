import { IContext } from '../tokens';
import { textArgs } from './arguments';
import { ICommand, meant } from './command';

export function markRun(context: IContext): ICommand {
  const { selection, trans } = context;
  return {
    id: 'nbops:mark-run',
    describedBy: textArgs({ run: trans.__('Id of the run') }),
    execute: args => {
      const run = meant(context, args, 'run', 'run');
      if (run !== undefined) {
        selection.toggle(run);
      }
    }
  };
}
