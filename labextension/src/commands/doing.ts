import { tell } from '../notices';
import { NbopsPanel } from '../panel';
import { ProblemError } from '../problem';
import { problemWords } from '../problem-words';
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
import { checkModel, deployModel, exportModel, openModel } from './models';
import { buildPackage, openModule, pullModule, rollBackModule, testModule } from './modules';
import { drawPlots } from './plot';
import { promoteBest, promoteModel } from './promote';
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
import { cancel, listSweepRuns, openSweep, resumeSweep } from './sweeps';
import { tidyRuns } from './tidy-runs';

/** What every command does, by its id; fetched when the first of them is run. */
export function doing(context: IContext, panel: NbopsPanel): Map<string, ICommand> {
  return new Map(
    COMMANDS.map(make => make(context, panel)).map(command => [command.id, telling(command, context)])
  );
}

/** The command, which tells of a refusal of the server instead of failing in silence. */
function telling(command: ICommand, { trans }: IContext): ICommand {
  return {
    ...command,
    execute: async args => {
      try {
        return await command.execute(args);
      } catch (error) {
        if (!(error instanceof ProblemError)) {
          throw error;
        }
        tell(trans, problemWords(error.problem, trans), 'error');
        return undefined;
      }
    }
  };
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
  rollBackModule,
  buildPackage,
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
