import { Dialog, showDialog } from '@jupyterlab/apputils';

import { IContext } from '../tokens';

/** Ask before something is done that others notice or that is not easily undone. */
export async function isSure(
  { trans }: IContext,
  question: { title: string; body?: string; accept: string }
): Promise<boolean> {
  const { button } = await showDialog({
    title: question.title,
    body: question.body,
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.warnButton({ label: question.accept })
    ]
  });
  return button.accept;
}
