import { IRouter, JupyterFrontEnd } from '@jupyterlab/application';
import { PathExt } from '@jupyterlab/coreutils';

import { LINK } from './link-rule';

/** What a link into the panel asks for, as notices carry it. */
export interface ILink {
  readonly noun: 'run' | 'sweep';
  readonly id: string;
  /** The folder below the server's root that the address is in; null when it names none. */
  readonly folder: string | null;
  /** The address without the question, so that a reload does not ask it again. */
  readonly rest: string;
}

/**
 * Read an address such as `/lab/tree/churn?nbops-run=0198`.
 *
 * Ids are hexadecimal; anything else is somebody else's, and null.
 */
export function linkOf(path: string, search: string, hash = ''): ILink | null {
  const found = LINK.exec(search);
  if (found === null) {
    return null;
  }
  const tree = /\/tree\/(.*)$/.exec(path);
  const others = new URLSearchParams(search);
  others.delete(`nbops-${found[1]}`);
  const query = others.toString();
  const place = tree === null ? null : decodeURIComponent(tree[1]).replace(/\/+$/, '');
  return {
    noun: found[1] as ILink['noun'],
    id: found[2],
    folder: place === null ? null : PathExt.extname(place) === '.ipynb' ? PathExt.dirname(place) : place,
    rest: `${path}${query ? `?${query}` : ''}${hash}`
  };
}

/** Open what an address asks for. */
export async function follow(
  app: JupyterFrontEnd,
  router: IRouter,
  { path, search, hash }: IRouter.ILocation,
  project: { open(folder: string): void }
): Promise<void> {
  const link = linkOf(path, search ?? '', hash);
  if (link === null) {
    return;
  }
  router.navigate(link.rest, { skipRouting: true });
  if (link.folder !== null) {
    project.open(link.folder);
  }
  await app.commands.execute('nbops:open-panel');
  await app.commands.execute(`nbops:open-${link.noun}`, { [link.noun]: link.id });
}
