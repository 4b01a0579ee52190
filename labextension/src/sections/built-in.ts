import { TranslationBundle } from '@jupyterlab/translation';

import { ISection } from '../tokens';

/** What the list of runs asks first. */
const FIRST_RUNS = { order_by: '', limit: 50, offset: 0 };

const code = () => import('./index');

/** The sections nbops itself has. Their code is fetched when the first of them is seen. */
export function builtInSections(trans: TranslationBundle): ISection[] {
  return [
    {
      id: 'runs',
      title: trans.__('Runs'),
      rank: 100,
      isOpen: true,
      ahead: ({ client, project }) => client.ahead('runs', FIRST_RUNS, { project: project.path }),
      load: async context => new (await code()).RunsSection(context)
    },
    {
      id: 'cells',
      title: trans.__('Cells'),
      rank: 200,
      isOpen: true,
      load: async context => new (await code()).CellsSection(context)
    },
    {
      id: 'notebook',
      title: trans.__('This Notebook'),
      rank: 300,
      load: async context => new (await code()).NotebookSection(context)
    },
    {
      id: 'lineage',
      title: trans.__('Lineage'),
      rank: 350,
      load: async context => new (await code()).LineageSection(context)
    },
    {
      id: 'modules',
      title: trans.__('Modules'),
      rank: 400,
      load: async context => new (await code()).ModulesSection(context)
    },
    {
      id: 'sweeps',
      title: trans.__('Sweeps'),
      rank: 500,
      load: async context => new (await code()).SweepsSection(context)
    },
    {
      id: 'schedules',
      title: trans.__('Schedules'),
      rank: 550,
      load: async context => new (await code()).SchedulesSection(context)
    },
    {
      id: 'models',
      title: trans.__('Models'),
      rank: 600,
      load: async context => new (await code()).ModelsSection(context)
    },
    {
      id: 'endpoints',
      title: trans.__('Endpoints'),
      rank: 700,
      load: async context => new (await code()).EndpointsSection(context)
    }
  ];
}
