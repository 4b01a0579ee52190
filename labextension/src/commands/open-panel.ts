import { nbopsIcon } from '../icons';
import { NbopsPanel } from '../panel';
import { IContext } from '../tokens';
import { ICommand, ICommandWords } from './command';

export function openPanel({ app, trans }: IContext, panel: NbopsPanel): ICommand & ICommandWords {
  return {
    id: 'nbops:open-panel',
    label: trans.__('nbops Panel'),
    icon: nbopsIcon,
    describedBy: {
      args: {
        type: 'object',
        properties: { section: { type: 'string', description: trans.__('Id of a section to unfold') } }
      }
    },
    execute: async args => {
      app.shell.activateById(panel.id);
      if (typeof args.section === 'string') {
        await panel.reveal(args.section);
      }
    }
  };
}
