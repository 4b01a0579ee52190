import { Notification } from '@jupyterlab/apputils';
import { UUID } from '@lumino/coreutils';

import { asProblem } from './problem';
import { ProgressTold, Routes } from './schema';
import { IContext } from './tokens';

/** What is done sooner says only how it ended. */
const PATIENCE_MS = 500;

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
  let id: string | null = null;
  const show = () => (id ??= Notification.emit(words.doing, 'in-progress', { autoClose: false }));
  const waiting = window.setTimeout(show, PATIENCE_MS);
  const onProgress = (_: unknown, told: ProgressTold) => {
    if (told.request === request && told.state === 'running') {
      const progress = told.total ? Math.min(1, told.done / told.total) : undefined;
      Notification.update({
        id: show(),
        message: [words.doing, told.title, told.note].filter(Boolean).join('\n'),
        // What says where it stands takes long, and can be ended.
        actions: [cancel],
        progress
      });
    }
  };
  const cancel = {
    label: trans.__('Cancel'),
    caption: trans.__('End it at its next step'),
    callback: (event: MouseEvent) => {
      // Pressing a button would close the notification; it says how it ended.
      event.preventDefault();
      Notification.update({ id: show(), message: trans.__('%1: cancelling', words.doing), actions: [] });
      void client.call('calls/stop', { request }).catch(() => undefined);
    }
  };
  // Another notification than the one that told of the progress: JupyterLab loses what an update says while it fetches
  // the code that shows the first of them.
  const end = (message: string, type: Notification.TypeOptions, autoClose: number | false) => {
    window.clearTimeout(waiting);
    if (id !== null) {
      Notification.dismiss(id);
    }
    Notification.emit(message, type, { autoClose });
  };
  project.progress.connect(onProgress);
  try {
    const answer = await client.call(route, takes, { project: project.path, request });
    end(words.done(answer), 'success', 5000);
    return answer;
  } catch (error) {
    const problem = asProblem(error);
    const message = problem.hint ? `${problem.detail}\n→ ${problem.hint}` : problem.detail;
    end(message, problem.code === 'cancelled' ? 'warning' : 'error', false);
    return null;
  } finally {
    project.progress.disconnect(onProgress);
  }
}
