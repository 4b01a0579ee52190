import {
  checkIcon,
  closeIcon,
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

import { modelIcon, moduleIcon } from '../icons';
import { IContext } from '../tokens';
import { ICommandWords, meant, meantNotebook, meantRuns } from './command';

/** What the palette, the menus and the keys need to know of every command, in the order the palette lists them. */
export function commandTable(context: IContext): ICommandWords[] {
  const { selection, notebooks, trans } = context;
  return [
    {
      id: 'nbops:refresh',
      label: trans.__('Ask the Store Again'),
      caption: trans.__('Ask for everything again'),
      icon: refreshIcon
    },
    {
      id: 'nbops:open-run',
      on: ['run'],
      label: trans.__('Open Run'),
      caption: trans.__('Open a run with its parameters, metrics, cells and artifacts'),
      icon: launchIcon
    },
    {
      id: 'nbops:mark-run',
      on: ['run'],
      label: trans.__('Mark to Compare'),
      caption: trans.__('Mark a run, to compare it with the others that are marked'),
      icon: checkIcon
    },
    {
      id: 'nbops:compare-runs',
      label: trans.__('Compare Marked Runs'),
      caption: trans.__('Put the marked runs side by side'),
      isEnabled: args => (Array.isArray(args.runs) ? args.runs : selection.marked).length >= 2
    },
    {
      id: 'nbops:open-notebook',
      on: ['notebook'],
      label: trans.__('Open Notebook of Run'),
      caption: trans.__('Open the notebook that a run came from'),
      icon: notebookIcon
    },
    {
      id: 'nbops:open-cell',
      on: ['execution'],
      label: trans.__('Open Cell'),
      caption: trans.__('Go to the cell in its notebook, or show what was recorded of it')
    },
    {
      id: 'nbops:show-execution',
      on: ['execution'],
      label: trans.__('Show Outputs of Cell'),
      caption: trans.__('Show what was recorded of a cell, beside what it gave at other times')
    },
    {
      id: 'nbops:copy-id',
      on: ['run'],
      label: trans.__('Copy Id of Run'),
      caption: trans.__('Copy the id, for %nbops show and the command line'),
      icon: copyIcon
    },
    {
      id: 'nbops:rerun',
      on: ['run'],
      label: trans.__('Run Again'),
      caption: trans.__('Run the notebook of a run again as it is now, with the parameters the run had'),
      icon: runIcon
    },
    {
      id: 'nbops:reproduce-run',
      on: ['run', 'model'],
      named: 'run',
      label: trans.__('Reproduce Run'),
      caption: trans.__('Run it again in a fresh kernel as it was recorded, and compare what comes out'),
      icon: undoIcon
    },
    {
      id: 'nbops:open-lineage',
      on: ['endpoint', 'model', 'module', 'run', 'execution'],
      named: 'id',
      // Of the newest run where nobody stands on anything.
      isEnabled: () => true,
      label: trans.__('Show Lineage'),
      caption: trans.__('Draw what something was made of: models, cells, modules, data and files')
    },
    {
      id: 'nbops:open-file',
      label: trans.__('Open File of the Project'),
      caption: trans.__('Open a file that was recorded, by its path below the project’s folder')
    },
    {
      id: 'nbops:draw-plots',
      on: ['run', 'sweep', 'endpoint', 'model'],
      named: 'id',
      label: trans.__('Draw Plots…'),
      caption: trans.__('Draw a run, sweep, model or endpoint and keep the pictures with it')
    },
    {
      id: 'nbops:rename-run',
      on: ['run'],
      label: trans.__('Rename Run…'),
      caption: trans.__('Give a run another name'),
      icon: editIcon
    },
    {
      id: 'nbops:tag-run',
      on: ['run'],
      label: trans.__('Tag Run…'),
      caption: trans.__('Set a tag of a run, by which it is found: tags.NAME = VALUE')
    },
    {
      id: 'nbops:note-on-run',
      on: ['run'],
      label: trans.__('Write Note on Run…'),
      caption: trans.__('Write a note on a run, in place of the one it has')
    },
    {
      id: 'nbops:archive-runs',
      on: ['run'],
      label: trans.__('Archive Runs'),
      caption: trans.__('Take the run, or the marked runs, out of the list; nothing of them is lost'),
      isEnabled: args => meantRuns(context, args).length > 0
    },
    {
      id: 'nbops:delete-runs',
      on: ['run'],
      label: trans.__('Delete Runs…'),
      caption: trans.__('Put the run, or the marked runs, into the trash'),
      icon: deleteIcon,
      isEnabled: args => meantRuns(context, args).length > 0
    },
    {
      id: 'nbops:restore-runs',
      on: ['run'],
      label: trans.__('Restore Runs'),
      caption: trans.__('Bring the run, or the marked runs, back from the trash or the archive'),
      icon: undoIcon,
      isEnabled: args => meantRuns(context, args).length > 0,
      isVisible: () => context.selection.shelf !== 'listed'
    },
    {
      id: 'nbops:extract-functions',
      label: trans.__('Extract Functions to a Module…'),
      caption: trans.__('Take functions and classes out of the notebook into a versioned module'),
      icon: moduleIcon,
      isEnabled: () => notebooks?.currentWidget !== null && notebooks !== null
    },
    {
      id: 'nbops:open-module',
      on: ['module'],
      label: trans.__('Open Module'),
      caption: trans.__('Open a module with its source, its versions and what changed'),
      icon: moduleIcon
    },
    {
      id: 'nbops:test-module',
      on: ['module'],
      label: trans.__('Test Module'),
      caption: trans.__('Replay the calls that were recorded for a module, and say which give something else')
    },
    {
      id: 'nbops:pull-module',
      on: ['module'],
      label: trans.__('Pull Edits into the Notebook'),
      caption: trans.__('Put what was edited in the file of a module into new cells of the notebook'),
      isEnabled: args =>
        notebooks !== null &&
        notebooks.currentWidget !== null &&
        meant(context, args, 'module', 'module') !== undefined
    },
    {
      id: 'nbops:retrain-notebook',
      label: trans.__('Retrain with Other Parameters…'),
      caption: trans.__('Run this notebook with other parameters, once or over a grid'),
      icon: runIcon,
      isEnabled: args => meantNotebook(context, args) !== undefined
    },
    {
      id: 'nbops:open-sweep',
      on: ['sweep'],
      label: trans.__('Open Sweep'),
      caption: trans.__('Open a sweep with its results, its plots and what goes on'),
      icon: launchIcon
    },
    {
      id: 'nbops:list-sweep-runs',
      on: ['sweep'],
      label: trans.__('Show Runs of Sweep'),
      caption: trans.__('List the runs of a sweep')
    },
    {
      id: 'nbops:promote-best',
      on: ['sweep'],
      label: trans.__('Promote Best of Sweep…'),
      caption: trans.__('Give the model of a sweep’s best run an alias such as production')
    },
    {
      id: 'nbops:resume-sweep',
      on: ['sweep'],
      label: trans.__('Resume Sweep'),
      caption: trans.__('Go on with a sweep that was cut short; finished runs are not run again')
    },
    {
      id: 'nbops:cancel',
      on: ['sweep', 'run'],
      named: 'id',
      label: trans.__('Cancel Sweep or Run'),
      caption: trans.__('Cancel a sweep or a run that is under way, in whatever process'),
      icon: stopIcon
    },
    {
      id: 'nbops:schedule-notebook',
      label: trans.__('Schedule Notebook…'),
      caption: trans.__('Run this notebook again by itself, at the times that cron’s five fields say'),
      icon: launchIcon,
      isEnabled: args => meantNotebook(context, args) !== undefined
    },
    {
      id: 'nbops:open-schedule',
      on: ['schedule'],
      label: trans.__('List Runs of Schedule'),
      caption: trans.__('List the runs of a schedule'),
      icon: launchIcon
    },
    {
      id: 'nbops:fire-schedule',
      on: ['schedule'],
      label: trans.__('Run Schedule Now'),
      caption: trans.__('Run a schedule’s notebook now, whatever its times and conditions say'),
      icon: runIcon
    },
    {
      id: 'nbops:pause-schedule',
      on: ['schedule'],
      label: trans.__('Pause Schedule'),
      caption: trans.__('Let a schedule’s times pass until it is unpaused')
    },
    {
      id: 'nbops:unpause-schedule',
      on: ['schedule'],
      label: trans.__('Unpause Schedule'),
      caption: trans.__('Let a paused schedule fire again, from its next time on')
    },
    {
      id: 'nbops:remove-schedule',
      on: ['schedule'],
      label: trans.__('Remove Schedule'),
      caption: trans.__('Remove a schedule and its timers on the server’s machine; its runs stay'),
      icon: closeIcon
    },
    {
      id: 'nbops:open-model',
      on: ['model'],
      label: trans.__('Open Model'),
      caption: trans.__('Open a model version with its signature, checks and origin'),
      icon: modelIcon
    },
    {
      id: 'nbops:check-model',
      on: ['model'],
      label: trans.__('Check Model'),
      caption: trans.__('Run every check on a model version and record the verdicts')
    },
    {
      id: 'nbops:promote-model',
      on: ['model'],
      label: trans.__('Promote Model…'),
      caption: trans.__('Give a model version an alias such as production')
    },
    {
      id: 'nbops:export-model',
      on: ['model'],
      label: trans.__('Export Model…'),
      caption: trans.__('Write a model as a folder that answers without nbops, in Python and in the browser')
    },
    {
      id: 'nbops:deploy-model',
      on: ['model'],
      label: trans.__('Deploy Model…'),
      caption: trans.__('Put a model behind a stable address, checked before it takes any traffic')
    },
    {
      id: 'nbops:open-endpoint',
      on: ['endpoint'],
      label: trans.__('Open Endpoint'),
      caption: trans.__('Open an endpoint with what answers there, where it came from, and how it fares')
    },
    {
      id: 'nbops:monitor-endpoint',
      on: ['endpoint'],
      label: trans.__('Measure Drift'),
      caption: trans.__(
        'Measure drift, latency and errors of an endpoint’s requests against the training data'
      )
    },
    {
      id: 'nbops:rollback-endpoint',
      on: ['endpoint'],
      label: trans.__('Roll Back Endpoint'),
      caption: trans.__('Go back to what answered before the last deploy'),
      icon: undoIcon
    },
    {
      id: 'nbops:stop-endpoint',
      on: ['endpoint'],
      label: trans.__('Stop Endpoint'),
      caption: trans.__('Stop an endpoint and everything behind it; its records and logs stay'),
      icon: stopIcon
    }
  ];
}
