import { NbopsPanel } from '../panel';
import { IContext } from '../tokens';
import { compareRuns } from './compare-runs';
import { copyId } from './copy-id';
import { markRun } from './mark-run';
import { openCell, showExecution } from './open-cell';
import { openNotebook } from './open-notebook';
import { openRun } from './open-run';
import { refresh } from './refresh';
import { ICommand } from './command';
import { monitorEndpoint, openEndpoint, rollbackEndpoint, stopEndpoint } from './endpoints';
import { extractFunctions } from './extract-functions';
import { checkModel, deployModel, exportModel, openModel, promoteModel } from './models';
import { openModule, pullModule, testModule } from './modules';
import { drawPlots } from './plot';
import { reproduceRun } from './reproduce-run';
import { rerun } from './rerun';
import { openFile, openLineage } from './lineage';
import { retrainNotebook } from './retrain-notebook';
import {
  fireSchedule,
  openSchedule,
  pauseSchedule,
  removeSchedule,
  scheduleNotebook,
  unpauseSchedule
} from './schedules';
import { cancel, listSweepRuns, openSweep, promoteBest, resumeSweep } from './sweeps';
import { tidyRuns } from './tidy-runs';

/** What every command does, by its id; fetched when the first of them is run. */
export function doing(context: IContext, panel: NbopsPanel): Map<string, ICommand> {
  return new Map(COMMANDS.map(make => make(context, panel)).map(command => [command.id, command]));
}

const COMMANDS: ReadonlyArray<(context: IContext, panel: NbopsPanel) => ICommand> = [
  refresh,
  openRun,
  markRun,
  compareRuns,
  openNotebook,
  openCell,
  showExecution,
  copyId,
  rerun,
  reproduceRun,
  openLineage,
  openFile,
  drawPlots,
  ...tidyRuns,
  extractFunctions,
  openModule,
  testModule,
  pullModule,
  retrainNotebook,
  openSweep,
  listSweepRuns,
  promoteBest,
  resumeSweep,
  cancel,
  scheduleNotebook,
  openSchedule,
  fireSchedule,
  pauseSchedule,
  unpauseSchedule,
  removeSchedule,
  openModel,
  checkModel,
  promoteModel,
  exportModel,
  deployModel,
  openEndpoint,
  monitorEndpoint,
  rollbackEndpoint,
  stopEndpoint
];
