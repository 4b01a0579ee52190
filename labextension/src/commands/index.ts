import { ICommandPalette } from '@jupyterlab/apputils';

import { NbopsPanel } from '../panel';
import { IContext } from '../tokens';
import { compareRuns } from './compare-runs';
import { copyId } from './copy-id';
import { markRun } from './mark-run';
import { openCell, showExecution } from './open-cell';
import { openNotebook } from './open-notebook';
import { openPanel } from './open-panel';
import { openRun } from './open-run';
import { refresh } from './refresh';
import { searchRuns } from './search-runs';
import { ICommand } from './command';
import { monitorEndpoint, openEndpoint, rollbackEndpoint, stopEndpoint } from './endpoints';
import { extractFunctions } from './extract-functions';
import { checkModel, deployModel, exportModel, openModel, promoteModel } from './models';
import { openModule, pullModule, testModule } from './modules';
import { drawPlots } from './plot';
import { reproduceRun } from './reproduce-run';
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

/** Every command, in the order the palette lists them. */
const COMMANDS: ReadonlyArray<(context: IContext, panel: NbopsPanel) => ICommand> = [
  openPanel,
  refresh,
  searchRuns,
  openRun,
  markRun,
  compareRuns,
  openNotebook,
  openCell,
  showExecution,
  copyId,
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

/** Register the commands, and list in the palette those that need no row to act on. */
export function addCommands(context: IContext, panel: NbopsPanel, palette: ICommandPalette | null): void {
  const category = context.trans.__('nbops');
  for (const make of COMMANDS) {
    const { id, inPalette, ...options } = make(context, panel);
    context.app.commands.addCommand(id, options);
    if (inPalette) {
      palette?.addItem({ command: id, category });
    }
  }
}
