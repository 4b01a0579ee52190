import { NbopsPanel } from '../panel';
import { IContext } from '../tokens';
import { ICommand } from './command';

export function searchRuns({ app, trans }: IContext, panel: NbopsPanel): ICommand {
  return {
    id: 'nbops:search-runs',
    label: trans.__('Search Runs'),
    caption: trans.__('Search runs by name or by an expression such as metrics.accuracy > 0.9'),
    inPalette: true,
    describedBy: { args: { type: 'object', properties: {} } },
    execute: () => {
      app.shell.activateById(panel.id);
      panel.reveal('runs');
      panel.node.querySelector<HTMLInputElement>('.nbops-Search')?.focus();
    }
  };
}
