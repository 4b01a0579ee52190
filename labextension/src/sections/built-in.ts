import { TranslationBundle } from '@jupyterlab/translation';

import { ISection } from '../tokens';

/** The sections nbops itself has. Their code is fetched when the first of them is seen. */
export function builtInSections(trans: TranslationBundle): ISection[] {
  return [
    {
      id: 'runs',
      title: trans.__('Runs'),
      rank: 100,
      isOpen: true,
      load: async context => new (await import('./index')).RunsSection(context)
    },
    {
      id: 'cells',
      title: trans.__('Cells'),
      rank: 200,
      isOpen: true,
      load: async context => new (await import('./index')).CellsSection(context)
    }
  ];
}
