import { act } from '../act';
import { offerCell } from '../new-cell';
import { IContext } from '../tokens';
import { textArgs } from './arguments';
import { ICommand, meant } from './command';

export function openModule(context: IContext): ICommand {
  const { trans } = context;
  return {
    id: 'nbops:open-module',
    describedBy: textArgs({ module: trans.__('The module, such as churn.features') }),
    execute: async args => {
      const module = meant(context, args, 'module', 'module');
      if (module !== undefined) {
        const { openModuleDocument } = await import('../documents');
        openModuleDocument(context, module);
      }
    }
  };
}

export function testModule(context: IContext): ICommand {
  const { trans } = context;
  return {
    id: 'nbops:test-module',
    describedBy: textArgs({ module: trans.__('The module, such as churn.features') }),
    execute: async args => {
      const module = meant(context, args, 'module', 'module');
      if (module !== undefined) {
        await act(
          context,
          'test',
          { module },
          {
            doing: trans.__('Testing %1', module),
            done: report =>
              trans.__(
                '%1: %2 calls answered the same, %3 did not',
                module,
                report.passed,
                report.failed.length
              )
          }
        );
      }
    }
  };
}

export function pullModule(context: IContext): ICommand {
  const { app, notebooks, trans } = context;
  return {
    id: 'nbops:pull-module',
    describedBy: textArgs({ module: trans.__('The module, such as churn.features') }),
    execute: async args => {
      const module = meant(context, args, 'module', 'module');
      const panel = notebooks?.currentWidget;
      if (module === undefined || !panel) {
        return;
      }
      await panel.context.save();
      const notebook = app.serviceManager.contents.localPath(panel.context.path);
      const pulled = await act(
        context,
        'pull',
        { module, notebook },
        {
          doing: trans.__('Looking at %1', module),
          done: parts => {
            const both = parts.filter(part => part.is_conflict).map(part => part.name);
            return parts.length === 0
              ? trans.__('Nothing was edited in %1', module)
              : both.length === 0
                ? trans.__('%1 in new cells', parts.map(part => part.name).join(', '))
                : trans.__('Edited in the notebook too, compare both: %1', both.join(', '));
          }
        }
      );
      for (const part of pulled ?? []) {
        offerCell(panel, part.source);
      }
    }
  };
}
