import { Notification } from '@jupyterlab/apputils';
import { NotebookPanel } from '@jupyterlab/notebook';

import { act } from '../act';
import { definitionsOf } from '../definitions';
import { runLine, words } from '../kernel';
import { offerCell } from '../new-cell';
import { IContext } from '../tokens';
import { ICommand, textArgs } from './command';

export function extractFunctions(context: IContext): ICommand {
  const { trans } = context;
  return {
    id: 'nbops:extract-functions',
    describedBy: textArgs({
      names: trans.__('Functions and classes, separated by spaces; those of the selection when not given'),
      to: trans.__('The module to write, such as churn.features')
    }),
    execute: async args => {
      const { askForm } = await import('../parts/form');
      const given = { names: String(args.names ?? selected(context).join(' ')), to: String(args.to ?? '') };
      const answers =
        given.names && given.to
          ? given
          : await askForm(trans, {
              title: trans.__('Extract functions to a module'),
              accept: trans.__('Extract'),
              note: trans.__(
                'What they need comes along: imports, helpers and constants, as they were in the session that ran.'
              ),
              fields: [
                {
                  name: 'names',
                  label: trans.__('Functions and classes'),
                  value: given.names,
                  placeholder: 'build_features train',
                  help: trans.__('Separated by spaces')
                },
                {
                  name: 'to',
                  label: trans.__('Module'),
                  value: given.to,
                  placeholder: 'churn.features',
                  help: trans.__('Its dotted name; the file goes below src/ where there is one')
                }
              ]
            });
      if (answers?.names && answers.to) {
        await extract(context, answers.names.split(/[\s,]+/).filter(Boolean), answers.to);
      }
    }
  };
}

/** Names defined in the selected text, else in the active cell. */
function selected({ notebooks }: IContext): string[] {
  const cell = notebooks?.activeCell;
  const editor = cell?.editor;
  if (!cell || !editor) {
    return [];
  }
  const { start, end } = editor.getSelection();
  const source = cell.model.sharedModel.getSource();
  const text = source.slice(editor.getOffsetAt(start), editor.getOffsetAt(end));
  const word = text.trim();
  if (/^[^\W\d]\w*$/u.test(word)) {
    return [word];
  }
  return definitionsOf(word ? text : source);
}

/** In the live session where the recorded definitions are; from the file where no kernel runs. */
async function extract(context: IContext, names: string[], to: string): Promise<void> {
  const { app, notebooks, trans } = context;
  const panel = notebooks?.currentWidget;
  if (!panel) {
    return;
  }
  if (panel.sessionContext.session?.kernel) {
    const said = await runLine(panel, `%nbops extract ${words(...names)} --to ${words(to)}`);
    if (said.isError) {
      Notification.emit(said.text, 'error', { autoClose: false });
    } else {
      Notification.emit(trans.__('Extracted %1 to %2', names.join(', '), to), 'success', {
        autoClose: 10_000,
        actions: [importBelow(context, panel, names, to)]
      });
    }
  } else {
    await panel.context.save();
    const notebook = app.serviceManager.contents.localPath(panel.context.path);
    const version = await act(
      context,
      'extract',
      { names, to, notebook },
      {
        doing: trans.__('Extracting %1', names.join(', ')),
        done: module => trans.__('Extracted %1 to %2', names.join(', '), `${module.module} ${module.version}`)
      }
    );
    if (version) {
      Notification.emit(trans.__('%1 can be imported now', to), 'info', {
        autoClose: 10_000,
        actions: [importBelow(context, panel, names, to)]
      });
    }
  }
}

/** The line that can take the place of the code; the code itself stays where it is. */
function importBelow(
  { trans }: IContext,
  panel: NotebookPanel,
  names: string[],
  to: string
): Notification.IAction {
  return {
    label: trans.__('Put its import below'),
    callback: () => offerCell(panel, `from ${to} import ${names.join(', ')}`)
  };
}
