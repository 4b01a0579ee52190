import { PathExt } from '@jupyterlab/coreutils';

import { Project } from './project';

/** A notebook's path as the contents API writes it, from what a run knows; null when the server cannot open it. */
export async function serverPath(project: Project, notebook: string): Promise<string | null> {
  const root = (await project.known())?.path;
  if (root === null || root === undefined || notebook.startsWith('/')) {
    return null;
  }
  const path = PathExt.join(root, notebook);
  return path.startsWith('..') ? null : path;
}
