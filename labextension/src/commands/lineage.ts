import { IContext } from '../tokens';
import { textArgs, textOf } from './arguments';
import { ICommand } from './command';
import { openPath } from './open-path';

export function openLineage(context: IContext): ICommand {
  const { trans } = context;
  return {
    id: 'nbops:open-lineage',
    describedBy: textArgs({
      id: trans.__('An endpoint, model, module, run or cell; the newest run when not given'),
      metric: trans.__('A metric of the run'),
      variable: trans.__('A variable of the run')
    }),
    execute: async args => {
      const { openLineageDocument } = await import('../documents');
      openLineageDocument(context, {
        id: textOf(args.id) || 'last',
        ...(typeof args.metric === 'string' ? { metric: args.metric } : {}),
        ...(typeof args.variable === 'string' ? { variable: args.variable } : {})
      });
    }
  };
}

export function openFile(context: IContext): ICommand {
  return {
    id: 'nbops:open-file',
    describedBy: textArgs({ path: context.trans.__('Path of the file') }),
    execute: args => openPath(context, textOf(args.path))
  };
}
