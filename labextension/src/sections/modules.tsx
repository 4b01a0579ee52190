import * as React from 'react';

import { ago, moment, text } from '../format';
import { moduleIcon } from '../noun-icons';
import { ModuleState } from '../schema';
import { IContext } from '../tokens';
import { ListSection, TwoLines } from './list';

/** Modules taken from notebooks, and whether their files were edited since. */
export class ModulesSection extends ListSection<ModuleState> {
  constructor(context: IContext) {
    super(context);
    this.id = 'nbops-modules';
  }

  protected readonly tables = ['module_versions'];

  override readonly actions = [{ command: 'nbops:extract-functions' }];

  protected get words() {
    const { trans } = this.context;
    return {
      label: trans.__('Modules'),
      empty: {
        title: trans.__('No modules yet'),
        text: trans.__('Take functions out of a notebook into a versioned module:'),
        code: '%nbops extract NAME --to pkg.module'
      }
    };
  }

  protected async ask(offset: number): Promise<ModuleState[]> {
    return offset > 0 ? [] : this.call('modules', {});
  }

  protected idOf(row: ModuleState): string {
    return row.module;
  }

  protected nameOf(row: ModuleState): string {
    return [
      `${row.module} ${row.version}`,
      this._state(row),
      row.functions.join(', '),
      moment(row.created_at)
    ]
      .filter(Boolean)
      .join(', ');
  }

  protected dataOf(row: ModuleState): { 'data-nbops-module': string } {
    return { 'data-nbops-module': row.module };
  }

  protected open(row: ModuleState): void {
    void this.context.app.commands.execute('nbops:open-module', { module: row.module });
  }

  protected draw(row: ModuleState): React.ReactNode {
    const { trans } = this.context;
    const state = this._state(row);
    return (
      <TwoLines
        mark={<moduleIcon.react tag="span" className="nbops-Glyph" />}
        title={text(row.module, 100)}
        aside={text(row.version, 40)}
        second={
          <>
            {state && <span className="nbops-Chip nbops-mod-warn">{state}</span>}
            <span className="nbops-Value nbops-mod-code nbops-mod-grow">
              {text(row.functions.join(', '))}
            </span>
            <span className="nbops-Row-aside">{ago(row.created_at, Date.now() / 1000, trans)}</span>
          </>
        }
        tooltip={`${row.path}\n${moment(row.created_at)}`}
      />
    );
  }

  private _state(row: ModuleState): string {
    const { trans } = this.context;
    const words = { unchanged: '', edited: trans.__('edited'), missing: trans.__('file missing') };
    return words[row.state];
  }
}
