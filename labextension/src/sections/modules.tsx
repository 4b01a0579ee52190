import * as React from 'react';

import { ago, moment } from '../format';
import { moduleIcon } from '../icons';
import { ModuleVersion } from '../schema';
import { IContext } from '../tokens';
import { ListSection, TwoLines } from './list';

/** Modules taken from notebooks, the newest version first. */
export class ModulesSection extends ListSection<ModuleVersion> {
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

  protected ask(offset: number, limit: number): Promise<ModuleVersion[]> {
    return this.call('modules', { offset, limit });
  }

  protected idOf(row: ModuleVersion): string {
    return row.id;
  }

  protected nameOf(row: ModuleVersion): string {
    return `${row.module} ${row.version}, ${requested(row).join(', ')}, ${moment(row.created_at)}`;
  }

  protected dataOf(row: ModuleVersion): { 'data-nbops-module': string } {
    return { 'data-nbops-module': row.id };
  }

  protected open(row: ModuleVersion): void {
    void this.context.app.commands.execute('nbops:open-module', { module: row.id });
  }

  protected draw(row: ModuleVersion): React.ReactNode {
    const { trans } = this.context;
    return (
      <TwoLines
        mark={<moduleIcon.react tag="span" className="nbops-Glyph" />}
        title={row.module}
        aside={row.version}
        second={
          <>
            <span className="nbops-Value nbops-mod-code nbops-mod-grow">{requested(row).join(', ')}</span>
            <span className="nbops-Row-aside">{ago(row.created_at, Date.now() / 1000, trans)}</span>
          </>
        }
        tooltip={`${row.path}\n${row.notebook ?? ''}\n${moment(row.created_at)}`}
      />
    );
  }
}

function requested(row: ModuleVersion): string[] {
  const asked = row.definitions.filter(definition => definition.requested);
  return (asked.length ? asked : row.definitions).map(definition => definition.name);
}
