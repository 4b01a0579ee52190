import {
  addIcon,
  checkIcon,
  closeIcon,
  codeIcon,
  copyIcon,
  deleteIcon,
  editIcon,
  launchIcon,
  notebookIcon,
  refreshIcon,
  runIcon,
  stopIcon,
  undoIcon
} from '@jupyterlab/ui-components';

import { IContext } from '../tokens';
import { ICommandWords, meant, meantNotebook, meantRuns } from './command';

/** What the palette, the menus and the keys need to know of every command, in the order the palette lists them. */
export function commandTable(context: IContext): ICommandWords[] {
  const { selection, notebooks, trans } = context;
  const hasRuns: ICommandWords['isEnabled'] = args => meantRuns(context, args).length > 0;
  return [
    {
      id: 'nbops:refresh',
      label: trans.__('Ask the Store Again'),
      icon: refreshIcon
    },
    {
      id: 'nbops:open-run',
      on: ['run'],
      label: trans.__('Open Run'),
      icon: launchIcon
    },
    {
      id: 'nbops:mark-run',
      on: ['run'],
      label: trans.__('Mark to Compare'),
      icon: checkIcon
    },
    {
      id: 'nbops:compare-runs',
      label: trans.__('Compare Marked Runs'),
      isEnabled: args => (Array.isArray(args.runs) ? args.runs : selection.marked).length >= 2
    },
    {
      id: 'nbops:open-notebook',
      on: ['notebook'],
      label: trans.__('Open Notebook of Run'),
      icon: notebookIcon
    },
    {
      id: 'nbops:open-cell',
      on: ['execution'],
      label: trans.__('Open Cell')
    },
    {
      id: 'nbops:show-execution',
      on: ['execution'],
      label: trans.__('Show Outputs of Cell')
    },
    {
      id: 'nbops:copy-id',
      on: ['run'],
      label: trans.__('Copy Id of Run'),
      icon: copyIcon
    },
    {
      id: 'nbops:rerun',
      on: ['run'],
      label: trans.__('Run Again'),
      icon: runIcon
    },
    {
      id: 'nbops:reproduce-run',
      on: ['run', 'model'],
      named: 'run',
      label: trans.__('Reproduce Run'),
      icon: undoIcon
    },
    {
      id: 'nbops:open-lineage',
      on: ['endpoint', 'model', 'module', 'run', 'execution'],
      named: 'id',
      // Of the newest run where nobody stands on anything.
      isEnabled: () => true,
      label: trans.__('Show Lineage')
    },
    {
      id: 'nbops:open-file',
      label: trans.__('Open File of the Project')
    },
    {
      id: 'nbops:draw-plots',
      on: ['run', 'sweep', 'endpoint', 'model'],
      named: 'id',
      label: trans.__('Draw Plots…')
    },
    {
      id: 'nbops:rename-run',
      on: ['run'],
      label: trans.__('Rename Run…'),
      icon: editIcon
    },
    {
      id: 'nbops:tag-run',
      on: ['run'],
      label: trans.__('Tag Run…')
    },
    {
      id: 'nbops:note-on-run',
      on: ['run'],
      label: trans.__('Write Note on Run…')
    },
    {
      id: 'nbops:archive-runs',
      on: ['run'],
      label: trans.__('Archive Runs'),
      isEnabled: hasRuns
    },
    {
      id: 'nbops:delete-runs',
      on: ['run'],
      label: trans.__('Delete Runs…'),
      icon: deleteIcon,
      isEnabled: hasRuns
    },
    {
      id: 'nbops:restore-runs',
      on: ['run'],
      label: trans.__('Restore Runs'),
      icon: undoIcon,
      isEnabled: hasRuns,
      isVisible: () => context.selection.shelf !== 'listed'
    },
    {
      id: 'nbops:extract-functions',
      label: trans.__('Extract Functions to a Module…'),
      icon: codeIcon,
      isEnabled: () => notebooks?.currentWidget !== null && notebooks !== null
    },
    {
      id: 'nbops:open-module',
      on: ['module'],
      label: trans.__('Open Module'),
      icon: codeIcon
    },
    {
      id: 'nbops:test-module',
      on: ['module'],
      label: trans.__('Test Module')
    },
    {
      id: 'nbops:pull-module',
      on: ['module'],
      label: trans.__('Pull Edits into the Notebook'),
      isEnabled: args =>
        notebooks !== null &&
        notebooks.currentWidget !== null &&
        meant(context, args, 'module', 'module') !== undefined
    },
    {
      id: 'nbops:rollback-module',
      on: ['module'],
      label: trans.__('Go Back to a Version…')
    },
    {
      id: 'nbops:build-package',
      on: ['module'],
      label: trans.__('Build Wheel of Package')
    },
    {
      id: 'nbops:retrain-notebook',
      label: trans.__('Retrain with Other Parameters…'),
      icon: runIcon,
      isEnabled: args => meantNotebook(context, args) !== undefined
    },
    {
      id: 'nbops:open-sweep',
      on: ['sweep'],
      label: trans.__('Open Sweep'),
      icon: launchIcon
    },
    {
      id: 'nbops:list-sweep-runs',
      on: ['sweep'],
      label: trans.__('Show Runs of Sweep')
    },
    {
      id: 'nbops:promote-best',
      on: ['sweep'],
      label: trans.__('Promote Best of Sweep…')
    },
    {
      id: 'nbops:resume-sweep',
      on: ['sweep'],
      label: trans.__('Resume Sweep')
    },
    {
      id: 'nbops:cancel',
      on: ['sweep', 'run'],
      named: 'id',
      label: trans.__('Cancel Sweep or Run'),
      icon: stopIcon
    },
    {
      id: 'nbops:schedule-notebook',
      label: trans.__('Schedule Notebook…'),
      icon: addIcon,
      isEnabled: args => meantNotebook(context, args) !== undefined
    },
    {
      id: 'nbops:open-schedule',
      on: ['schedule'],
      label: trans.__('List Runs of Schedule'),
      icon: launchIcon
    },
    {
      id: 'nbops:fire-schedule',
      on: ['schedule'],
      label: trans.__('Run Schedule Now'),
      icon: runIcon
    },
    {
      id: 'nbops:pause-schedule',
      on: ['schedule'],
      label: trans.__('Pause Schedule')
    },
    {
      id: 'nbops:unpause-schedule',
      on: ['schedule'],
      label: trans.__('Unpause Schedule')
    },
    {
      id: 'nbops:remove-schedule',
      on: ['schedule'],
      label: trans.__('Remove Schedule'),
      icon: closeIcon
    },
    {
      id: 'nbops:open-model',
      on: ['model'],
      label: trans.__('Open Model'),
      icon: launchIcon
    },
    {
      id: 'nbops:check-model',
      on: ['model'],
      label: trans.__('Check Model')
    },
    {
      id: 'nbops:promote-model',
      on: ['model'],
      label: trans.__('Promote Model…')
    },
    {
      id: 'nbops:export-model',
      on: ['model'],
      label: trans.__('Export Model…')
    },
    {
      id: 'nbops:deploy-model',
      on: ['model'],
      label: trans.__('Deploy Model…')
    },
    {
      id: 'nbops:open-endpoint',
      on: ['endpoint'],
      label: trans.__('Open Endpoint')
    },
    {
      id: 'nbops:monitor-endpoint',
      on: ['endpoint'],
      label: trans.__('Measure Drift')
    },
    {
      id: 'nbops:rollback-endpoint',
      on: ['endpoint'],
      label: trans.__('Roll Back Endpoint'),
      icon: undoIcon
    },
    {
      id: 'nbops:stop-endpoint',
      on: ['endpoint'],
      label: trans.__('Stop Endpoint'),
      icon: stopIcon
    }
  ];
}
