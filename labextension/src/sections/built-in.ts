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
    },
    {
      id: 'notebook',
      title: trans.__('This Notebook'),
      rank: 300,
      load: async context => new (await import('./index')).NotebookSection(context)
    },
    {
      id: 'lineage',
      title: trans.__('Lineage'),
      rank: 350,
      load: async context => new (await import('./index')).LineageSection(context)
    },
    {
      id: 'modules',
      title: trans.__('Modules'),
      rank: 400,
      load: async context => new (await import('./index')).ModulesSection(context)
    },
    {
      id: 'sweeps',
      title: trans.__('Sweeps'),
      rank: 500,
      load: async context => new (await import('./index')).SweepsSection(context)
    },
    {
      id: 'schedules',
      title: trans.__('Schedules'),
      rank: 550,
      load: async context => new (await import('./index')).SchedulesSection(context)
    },
    {
      id: 'models',
      title: trans.__('Models'),
      rank: 600,
      load: async context => new (await import('./index')).ModelsSection(context)
    },
    {
      id: 'endpoints',
      title: trans.__('Endpoints'),
      rank: 700,
      load: async context => new (await import('./index')).EndpointsSection(context)
    }
  ];
}
