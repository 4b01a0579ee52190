import { NbopsPanel } from '../panel';
import { IContext } from '../tokens';
import { ICommand, ICommandWords } from './command';

export function searchRuns({ app, trans }: IContext, panel: NbopsPanel): ICommand & ICommandWords {
  return {
    id: 'nbops:search-runs',
    label: trans.__('Search Runs'),
    describedBy: { args: { type: 'object', properties: {} } },
    execute: async () => {
      app.shell.activateById(panel.id);
      await panel.reveal('runs');
      panel.node.querySelector<HTMLInputElement>('.nbops-Search')?.focus();
    }
  };
}
