import { NotebookActions, NotebookPanel } from '@jupyterlab/notebook';

/** Put a new code cell below the active one, for the user to run, to change or to delete; nothing else is touched. */
export function offerCell(panel: NotebookPanel, source: string): void {
  NotebookActions.insertBelow(panel.content);
  panel.content.activeCell?.model.sharedModel.setSource(source);
}
