import { nbopsIcon } from '../icons';
import { NbopsPanel } from '../panel';
import { IContext } from '../tokens';
import { ICommand } from './command';

export function openPanel({ app, trans }: IContext, panel: NbopsPanel): ICommand {
  return {
    id: 'nbops:open-panel',
    label: trans.__('nbops Panel'),
    caption: trans.__('Show runs, cells, modules, models and endpoints beside the notebook'),
    icon: nbopsIcon,
    inPalette: true,
    describedBy: {
      args: {
        type: 'object',
        properties: { section: { type: 'string', description: trans.__('Id of a section to unfold') } }
      }
    },
    execute: args => {
      app.shell.activateById(panel.id);
      if (typeof args.section === 'string') {
        panel.reveal(args.section);
      }
    }
  };
}
