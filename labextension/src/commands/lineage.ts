import { serverPath } from '../server-path';
import { IContext } from '../tokens';
import { textArgs } from './arguments';
import { ICommand } from './command';

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
        id: typeof args.id === 'string' && args.id ? args.id : 'last',
        ...(typeof args.metric === 'string' ? { metric: args.metric } : {}),
        ...(typeof args.variable === 'string' ? { variable: args.variable } : {})
      });
    }
  };
}

export function openFile(context: IContext): ICommand {
  const { trans } = context;
  return {
    id: 'nbops:open-file',
    describedBy: textArgs({ path: trans.__('Path of the file') }),
    execute: async args => {
      const path = await serverPath(context.project, String(args.path ?? ''));
      if (path === null) {
        const { Notification } = await import('@jupyterlab/apputils');
        Notification.info(trans.__('%1 lies outside of what JupyterLab can open', String(args.path)));
      } else {
        await context.app.commands.execute('docmanager:open', { path });
      }
    }
  };
}
