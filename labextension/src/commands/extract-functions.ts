import { Notification } from '@jupyterlab/apputils';
import { NotebookPanel } from '@jupyterlab/notebook';

import { act } from '../act';
import { definitionsOf } from '../definitions';
import { runLine, words } from '../kernel';
import { offerCell } from '../new-cell';
import { UnderWay } from '../notices';
import { IContext } from '../tokens';
import { textArgs } from './arguments';
import { ICommand } from './command';

export function extractFunctions(context: IContext): ICommand {
  const { trans } = context;
  return {
    id: 'nbops:extract-functions',
    describedBy: textArgs({
      names: trans.__('Functions and classes, separated by spaces; those of the selection when not given'),
      to: trans.__('The module to write, such as churn.features'),
      parameter: trans.__('Data that the functions shall be given, separated by spaces'),
      pin: trans.__('Data that shall be kept with the module, separated by spaces')
    }),
    execute: async args => {
      const given: IWanted = {
        names: String(args.names ?? selected(context).join(' ')),
        to: String(args.to ?? ''),
        parameter: String(args.parameter ?? ''),
        pin: String(args.pin ?? '')
      };
      const wanted = given.names && given.to ? given : await ask(context, given);
      if (wanted?.names && wanted.to) {
        await extract(context, wanted);
      }
    }
  };
}

/** What a person fills in, each as words. */
interface IWanted {
  names: string;
  to: string;
  parameter: string;
  pin: string;
}

async function ask({ trans }: IContext, given: IWanted): Promise<IWanted | null> {
  const { askForm } = await import('../parts/form');
  const isBlocked = given.to !== '';
  const answers = await askForm(trans, {
    title: trans.__('Extract functions to a module'),
    accept: trans.__('Extract'),
    note: trans.__(
      'What they need comes along: imports, helpers and constants, as they were in the session that ran.'
    ),
    fields: [
      {
        name: 'names',
        isRequired: true,
        label: trans.__('Functions and classes'),
        value: given.names,
        placeholder: 'build_features train',
        help: trans.__('Separated by spaces')
      },
      {
        name: 'to',
        isRequired: true,
        label: trans.__('Module'),
        value: given.to,
        placeholder: 'churn.features',
        help: trans.__('Its dotted name; the file goes below src/ where there is one')
      },
      {
        name: 'parameter',
        label: trans.__('Data as parameters'),
        value: given.parameter,
        placeholder: 'customers',
        help: trans.__('Global data that whoever calls the functions shall give them'),
        isAdvanced: !isBlocked
      },
      {
        name: 'pin',
        label: trans.__('Data to keep'),
        value: given.pin,
        placeholder: 'lookup',
        help: trans.__('Global data that is kept with the module as it is now, and loaded when needed'),
        isAdvanced: !isBlocked
      }
    ]
  });
  return answers && { ...given, ...answers };
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
async function extract(context: IContext, wanted: IWanted): Promise<void> {
  const { app, notebooks, trans } = context;
  const panel = notebooks?.currentWidget;
  if (!panel) {
    return;
  }
  const names = listed(wanted.names);
  const { to } = wanted;
  if (panel.sessionContext.session?.kernel) {
    const data = [
      ...listed(wanted.parameter).flatMap(name => ['--parameter', name]),
      ...listed(wanted.pin).flatMap(name => ['--pin', name])
    ];
    const notice = new UnderWay(trans.__('Extracting %1', names.join(', ')), trans);
    const said = await runLine(panel, `%nbops extract ${words(...names, '--to', to, ...data)}`);
    if (said.isError) {
      notice.end(said.text, 'error', { autoClose: false, actions: [askAgain(context, wanted)] });
    } else {
      notice.end(trans.__('Extracted %1 to %2', names.join(', '), to), 'success', {
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
      { names, to, notebook, parameter: listed(wanted.parameter), pin: listed(wanted.pin) },
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

function listed(text: string): string[] {
  return text.split(/[\s,]+/).filter(Boolean);
}

/** What is in the way is often data: whether to pass or to keep it is the person's choice. */
function askAgain(context: IContext, wanted: IWanted): Notification.IAction {
  return {
    label: context.trans.__('Pass or keep the data…'),
    callback: () => {
      void ask(context, wanted).then(again =>
        again?.names && again.to ? extract(context, again) : undefined
      );
    }
  };
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
