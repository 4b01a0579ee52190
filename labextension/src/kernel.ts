import { NotebookPanel } from '@jupyterlab/notebook';

/** What a `%nbops` line said, run in a notebook's kernel without leaving a trace in the notebook. */
export interface ILineResult {
  text: string;
  isError: boolean;
}

/** Run a `%nbops` line in the kernel of a notebook; it is neither counted nor recorded as a cell. */
export async function runLine(panel: NotebookPanel, line: string): Promise<ILineResult> {
  const kernel = panel.sessionContext.session?.kernel;
  if (!kernel) {
    return { text: 'no kernel', isError: true };
  }
  const future = kernel.requestExecute({
    code: line,
    store_history: false,
    allow_stdin: false,
    stop_on_error: false
  });
  let text = '';
  future.onIOPub = message => {
    const content = message.content as { data?: { [type: string]: unknown }; text?: string };
    text += content.text ?? (content.data?.['text/plain'] as string | undefined) ?? '';
  };
  const reply = (await future.done).content;
  if (reply.status === 'error') {
    return { text: `${reply.ename}: ${reply.evalue}`, isError: true };
  }
  return { text: text.trim(), isError: reply.status !== 'ok' };
}

/** Write words as arguments of a `%nbops` line; those with spaces or quotes are quoted as in a shell. */
export function words(...given: string[]): string {
  return given
    .map(word => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replace(/'/g, `'"'"'`)}'`))
    .join(' ');
}
