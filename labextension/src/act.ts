import { Notification } from '@jupyterlab/apputils';
import { UUID } from '@lumino/coreutils';

import { asProblem } from './problem';
import { ProgressTold, Routes } from './schema';
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
  const { client, project, trans } = context;
  const request = UUID.uuid4();
  const id = Notification.emit(words.doing, 'in-progress', { autoClose: false });
  const cancel = {
    label: trans.__('Cancel'),
    caption: trans.__('End it at its next step'),
    callback: (event: MouseEvent) => {
      // Pressing a button would close the notification; it says how it ended.
      event.preventDefault();
      Notification.update({ id, message: trans.__('%1: cancelling', words.doing), actions: [] });
      void client.call('calls/stop', { request }).catch(() => undefined);
    }
  };
  const onProgress = (_: unknown, told: ProgressTold) => {
    if (told.request === request && told.state === 'running') {
      const progress = told.total ? Math.min(1, told.done / told.total) : undefined;
      Notification.update({
        id,
        message: [words.doing, told.title, told.note].filter(Boolean).join('\n'),
        // What says where it stands takes long, and can be ended.
        actions: [cancel],
        progress
      });
    }
  };
  project.progress.connect(onProgress);
  try {
    const answer = await client.call(route, takes, { project: project.path, request });
    Notification.update({
      id,
      message: words.done(answer),
      type: 'success',
      autoClose: 5000,
      progress: 1,
      actions: []
    });
    return answer;
  } catch (error) {
    const problem = asProblem(error);
    const message = problem.hint ? `${problem.detail}\n→ ${problem.hint}` : problem.detail;
    const type = problem.code === 'cancelled' ? 'warning' : 'error';
    Notification.update({ id, message, type, autoClose: false, actions: [] });
    return null;
  } finally {
    project.progress.disconnect(onProgress);
  }
}
