import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ISignal, Signal } from '@lumino/signaling';

/** What the user prefers, live from JupyterLab's settings; the defaults where there are none. */
export class Preferences {
  /** Metrics shown in a run's row; empty: whichever the run has. */
  get metrics(): ReadonlyArray<string> {
    return this._metrics;
  }

  /** Whether the panel acts on the project of the active notebook. */
  get followNotebook(): boolean {
    return this._followNotebook;
  }

  /** Whether cells of the open notebook bear marks: `never`, `panel` (while the panel is open) or `always`. */
  get cellMarks(): string {
    return this._cellMarks;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Read the settings now and whenever they change. */
  follow(settings: ISettingRegistry.ISettings): void {
    const read = () => {
      this._metrics = (settings.composite.metrics as string[] | undefined) ?? [];
      this._followNotebook = settings.composite.followNotebook !== false;
      this._cellMarks = String(settings.composite.cellMarks ?? 'panel');
      this._changed.emit();
    };
    settings.changed.connect(read);
    read();
  }

  private readonly _changed = new Signal<this, void>(this);
  private _metrics: ReadonlyArray<string> = [];
  private _followNotebook = true;
  private _cellMarks = 'panel';
}
