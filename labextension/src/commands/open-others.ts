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

export function openSweep(context: IContext, panel: { reveal(id: string): void }): ICommand {
  const { trans } = context;
  return {
    id: 'nbops:open-sweep',
    label: trans.__('Show Runs of Sweep'),
    caption: trans.__('List the runs of a sweep, the best first where it has an objective'),
    describedBy: textArgs({ sweep: trans.__('Id of the sweep') }),
    execute: async args => {
      const sweep = meant(context, args, 'sweep', 'sweep');
      if (sweep !== undefined) {
        panel.reveal('runs');
        context.selection.ask(`sweep_id = "${sweep}"`);
      }
    }
  };
}
