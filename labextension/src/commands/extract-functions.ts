import { Notification } from '@jupyterlab/apputils';
import { NotebookPanel } from '@jupyterlab/notebook';
import { TranslationBundle } from '@jupyterlab/translation';

import { act } from '../act';
import { definitionsOf } from '../definitions';
import { KernelLine, words } from '../kernel';
import { offerCell } from '../new-cell';
import { UnderWay } from '../notices';
import { ModuleVersion } from '../schema';
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
  const panel = context.notebooks?.currentWidget;
  if (panel?.sessionContext.session?.kernel) {
    await extractLive(context, wanted, panel);
  } else if (panel) {
    await extractSaved(context, wanted, panel);
  }
}

async function extractLive(context: IContext, wanted: IWanted, panel: NotebookPanel): Promise<void> {
  const { trans } = context;
  const names = listed(wanted.names);
  const data = [
    ...listed(wanted.parameter).flatMap(name => ['--parameter', name]),
    ...listed(wanted.pin).flatMap(name => ['--pin', name])
  ];
  const notice = new UnderWay(trans.__('Extracting %1', names.join(', ')), trans);
  const said = words(...names, '--to', wanted.to, ...data, '--json');
  const line = new KernelLine(panel, `%nbops extract ${said}`, ({ stages }) => {
    const now = stages.find(stage => !stage.is_over) ?? stages[stages.length - 1];
    const progress = now.total ? Math.min(1, now.done / now.total) : undefined;
    notice.stand([now.title, now.words.join(', '), ...now.notes], progress, () => line.cancel());
  });
  notice.stand([trans.__('It waits for the kernel')], undefined, () => line.cancel());
  const { text, isError, isCancelled } = await line.done;
  if (isCancelled) {
    const words = trans.__('Extracting %1 was cancelled; nothing was written', names.join(', '));
    notice.end(words, 'warning', { autoClose: false });
  } else if (isError) {
    notice.end(text || trans.__('The notebook has no kernel any more'), 'error', {
      autoClose: false,
      actions: [askAgain(context, wanted)]
    });
  } else {
    const version = JSON.parse(text) as ModuleVersion;
    notice.end(extracted(trans, names, version), 'success', {
      autoClose: 10_000,
      actions: [importBelow(context, panel, names, version)]
    });
  }
}

async function extractSaved(context: IContext, wanted: IWanted, panel: NotebookPanel): Promise<void> {
  const { app, trans } = context;
  const names = listed(wanted.names);
  await panel.context.save();
  const notebook = app.serviceManager.contents.localPath(panel.context.path);
  const version = await act(
    context,
    'extract',
    { names, to: wanted.to, notebook, parameter: listed(wanted.parameter), pin: listed(wanted.pin) },
    {
      doing: trans.__('Extracting %1', names.join(', ')),
      done: module => extracted(trans, names, module)
    }
  );
  if (version) {
    Notification.emit(trans.__('%1 can be imported now', wanted.to), 'info', {
      autoClose: 10_000,
      actions: [importBelow(context, panel, names, version)]
    });
  }
}

/** What came of it, and what a reader of the module should know. */
function extracted(trans: TranslationBundle, names: string[], version: ModuleVersion): string {
  const name = `${version.module} ${version.version}`;
  return [trans.__('Extracted %1 to %2', names.join(', '), name), ...version.notes].join('\n');
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

/** The line that can take the place of the code, which stays where it is; with what a copy would not do for. */
function importBelow(
  { trans }: IContext,
  panel: NotebookPanel,
  names: string[],
  { module, definitions }: ModuleVersion
): Notification.IAction {
  const told = definitions.filter(({ is_told_apart }) => is_told_apart).map(({ name }) => name);
  return {
    label: trans.__('Put its import below'),
    callback: () => offerCell(panel, `from ${module} import ${[...new Set([...names, ...told])].join(', ')}`)
  };
}
