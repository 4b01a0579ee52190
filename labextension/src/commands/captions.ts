import { TranslationBundle } from '@jupyterlab/translation';

/** What is said of each command where somebody points at it; fetched when the first is asked for. */
export function captionsOf(trans: TranslationBundle) {
  return {
    'nbops:open-panel': trans.__('Show runs, cells, modules, models and endpoints beside the notebook'),
    'nbops:search-runs': trans.__('Search runs by name or by an expression such as metrics.accuracy > 0.9'),
    'nbops:refresh': trans.__('Ask for everything again'),
    'nbops:open-run': trans.__('Open a run with its parameters, metrics, cells and artifacts'),
    'nbops:mark-run': trans.__('Mark a run, to compare it with the others that are marked'),
    'nbops:compare-runs': trans.__('Put the marked runs side by side'),
    'nbops:open-notebook': trans.__('Open the notebook that a run came from'),
    'nbops:open-cell': trans.__('Go to the cell in its notebook, or show what was recorded of it'),
    'nbops:show-execution': trans.__('Show what was recorded of a cell, beside what it gave at other times'),
    'nbops:copy-id': trans.__('Copy the id, for %nbops show and the command line'),
    'nbops:rerun': trans.__('Run the notebook of a run again as it is now, with the parameters the run had'),
    'nbops:reproduce-run': trans.__(
      'Run it again in a fresh kernel as it was recorded, and compare what comes out'
    ),
    'nbops:open-lineage': trans.__('Draw what something was made of: models, cells, modules, data and files'),
    'nbops:open-file': trans.__('Open a file that was recorded, by its path below the project’s folder'),
    'nbops:draw-plots': trans.__('Draw a run, sweep, model or endpoint and keep the pictures with it'),
    'nbops:rename-run': trans.__('Give a run another name'),
    'nbops:tag-run': trans.__('Set a tag of a run, by which it is found: tags.NAME = VALUE'),
    'nbops:note-on-run': trans.__('Write a note on a run, in place of the one it has'),
    'nbops:archive-runs': trans.__(
      'Take the run, or the marked runs, out of the list; nothing of them is lost'
    ),
    'nbops:delete-runs': trans.__('Put the run, or the marked runs, into the trash'),
    'nbops:restore-runs': trans.__('Bring the run, or the marked runs, back from the trash or the archive'),
    'nbops:extract-functions': trans.__(
      'Take functions and classes out of the notebook into a versioned module'
    ),
    'nbops:open-module': trans.__('Open a module with its source, its versions and what changed'),
    'nbops:test-module': trans.__(
      'Replay the calls that were recorded for a module, and say which give something else'
    ),
    'nbops:pull-module': trans.__(
      'Put what was edited in the file of a module into new cells of the notebook'
    ),
    'nbops:rollback-module': trans.__('Give a module’s file the text of an earlier version again'),
    'nbops:build-package': trans.__('Build an installable wheel of the package that a module is in'),
    'nbops:retrain-notebook': trans.__('Run this notebook with other parameters, once or over a grid'),
    'nbops:open-sweep': trans.__('Open a sweep with its results, its plots and what goes on'),
    'nbops:list-sweep-runs': trans.__('List the runs of a sweep'),
    'nbops:promote-best': trans.__('Give the model of a sweep’s best run an alias such as production'),
    'nbops:resume-sweep': trans.__('Go on with a sweep that was cut short; finished runs are not run again'),
    'nbops:cancel': trans.__('Cancel a sweep or a run that is under way, in whatever process'),
    'nbops:schedule-notebook': trans.__(
      'Run this notebook again by itself, at the times that cron’s five fields say'
    ),
    'nbops:open-schedule': trans.__('List the runs of a schedule'),
    'nbops:fire-schedule': trans.__('Run a schedule’s notebook now, whatever its times and conditions say'),
    'nbops:pause-schedule': trans.__('Let a schedule’s times pass until it is unpaused'),
    'nbops:unpause-schedule': trans.__('Let a paused schedule fire again, from its next time on'),
    'nbops:remove-schedule': trans.__(
      'Remove a schedule and its timers on the server’s machine; its runs stay'
    ),
    'nbops:open-model': trans.__('Open a model version with its signature, checks and origin'),
    'nbops:check-model': trans.__('Run every check on a model version and record the verdicts'),
    'nbops:promote-model': trans.__('Give a model version an alias such as production'),
    'nbops:export-model': trans.__(
      'Write a model as a folder that answers without nbops, in Python and in the browser'
    ),
    'nbops:deploy-model': trans.__(
      'Put a model behind a stable address, checked before it takes any traffic'
    ),
    'nbops:open-endpoint': trans.__(
      'Open an endpoint with what answers there, where it came from, and how it fares'
    ),
    'nbops:monitor-endpoint': trans.__(
      'Measure drift, latency and errors of an endpoint’s requests against the training data'
    ),
    'nbops:rollback-endpoint': trans.__('Go back to what answered before the last deploy'),
    'nbops:stop-endpoint': trans.__('Stop an endpoint and everything behind it; its records and logs stay')
  };
}

/** The commands that are listed. */
export type CommandId = keyof ReturnType<typeof captionsOf>;
