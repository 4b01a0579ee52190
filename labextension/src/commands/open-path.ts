import { Notification } from '@jupyterlab/apputils';

import { serverPath } from '../server-path';
import { IContext } from '../tokens';

/** Open a file that was recorded, by its path from the project's folder; where that cannot be, say why. */
export async function openPath({ app, project, trans }: IContext, recorded: string): Promise<void> {
  const path = await serverPath(project, recorded);
  if (path === null) {
    Notification.warning(trans.__('%1 lies outside of what JupyterLab can open', recorded));
    return;
  }
  try {
    await app.serviceManager.contents.get(path, { content: false });
  } catch {
    Notification.warning(trans.__('%1 is no longer there', recorded));
    return;
  }
  await app.commands.execute('docmanager:open', { path });
}
