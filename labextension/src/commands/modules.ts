import { act } from '../act';
import { moduleIcon } from '../icons';
import { IContext } from '../tokens';
import { ICommand, meant, textArgs } from './command';

export function openModule(context: IContext): ICommand {
  const { trans } = context;
  return {
    id: 'nbops:open-module',
    label: trans.__('Open Module'),
    caption: trans.__('Open a module with its source, its versions and what changed'),
    icon: moduleIcon,
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
    label: trans.__('Test Module'),
    caption: trans.__('Replay the calls that were recorded for a module, and say which give something else'),
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
