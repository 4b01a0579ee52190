import { UUID } from '@lumino/coreutils';

import { CallNotice } from './call-notice';
import { asProblem } from './problem';
import { Routes } from './schema';
import { IContext } from './tokens';

/**
 * Call a route that changes something, and show in JupyterLab's notifications where it stands and how it ended.
 *
 * Resolves with the answer, or with null after a problem, which has been shown.
 */
export async function act<N extends keyof Routes>(
  context: IContext,
  route: N,
  takes: Routes[N]['takes'],
  words: { doing: string; done(answer: Routes[N]['gives']): string }
): Promise<Routes[N]['gives'] | null> {
  const { client, project } = context;
  const request = UUID.uuid4();
  const notice = new CallNotice(context, request, words.doing);
  try {
    const answer = await client.call(route, takes, { project: project.path, request });
    notice.done(words.done(answer));
    return answer;
  } catch (error) {
    notice.refused(asProblem(error));
    return null;
  }
}
