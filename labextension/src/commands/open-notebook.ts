import { IContext } from '../tokens';
import { textArgs } from './arguments';
import { ICommand, meant } from './command';
import { serverPath } from '../server-path';

export function openNotebook(context: IContext): ICommand {
  const { app, project, trans } = context;
  return {
    id: 'nbops:open-notebook',
    describedBy: textArgs({ notebook: trans.__('Path of the notebook, from the project’s folder') }),
    execute: async args => {
      const notebook = meant(context, args, 'notebook', 'notebook');
      const path = notebook === undefined ? null : await serverPath(project, notebook);
      if (path !== null) {
        await app.commands.execute('docmanager:open', { path });
      }
    }
  };
}
