import * as React from 'react';

import { ago, moment, text } from '../format';
import { modelIcon } from '../noun-icons';
import { StatusMark } from '../parts/status';
import { ModelState } from '../schema';
import { IContext } from '../tokens';
import { ListSection, TwoLines } from './list';

/** Model versions with their aliases and checks, the newest first. */
export class ModelsSection extends ListSection<ModelState> {
  constructor(context: IContext) {
    super(context);
    this.id = 'nbops-models';
  }

  protected readonly tables = ['models', 'model_versions', 'check_results'];

  protected get words() {
    const { trans } = this.context;
    return {
      label: trans.__('Models'),
      empty: {
        title: trans.__('No models yet'),
        text: trans.__('Deploy an estimator from the notebook; it is registered on the way:'),
        code: '%nbops deploy model --name NAME --sample X'
      }
    };
  }

  protected ask(offset: number, limit: number): Promise<ModelState[]> {
    return this.call('models/state', { offset, limit });
  }

  protected idOf(row: ModelState): string {
    return row.version.id;
  }

  protected nameOf(row: ModelState): string {
    const { trans } = this.context;
    return [reference(row), ...row.aliases, className(row), verdict(row, trans)].filter(Boolean).join(', ');
  }

  protected dataOf(row: ModelState): { 'data-nbops-model': string } {
    return { 'data-nbops-model': reference(row) };
  }

  protected open(row: ModelState): void {
    void this.context.app.commands.execute('nbops:open-model', { model: reference(row) });
  }

  protected draw(row: ModelState): React.ReactNode {
    const { trans } = this.context;
    const failed = row.checks.some(check => check.verdict === 'failed');
    const passed = row.checks.length > 0 && !failed;
    return (
      <TwoLines
        mark={
          failed || passed ? (
            <StatusMark status={failed ? 'failed' : 'passed'} trans={trans} />
          ) : (
            <modelIcon.react tag="span" className="nbops-Glyph" />
          )
        }
        title={
          <>
            {text(row.version.model, 100)}
            <span className="nbops-Row-number">@{row.version.number}</span>
            {row.aliases.map(alias => (
              <span key={alias} className="nbops-Chip nbops-mod-strong">
                {text(alias, 40)}
              </span>
            ))}
          </>
        }
        aside={ago(row.version.created_at, Date.now() / 1000, trans)}
        second={
          <>
            <span className="nbops-Value">{className(row)}</span>
            <span className={`nbops-Value ${failed ? 'nbops-mod-bad' : ''}`}>{verdict(row, trans)}</span>
          </>
        }
        tooltip={`${row.version.type_name}\n${moment(row.version.created_at)}`}
      />
    );
  }
}

function reference(row: ModelState): string {
  return `${row.version.model}@${row.version.number}`;
}

function className(row: ModelState): string {
  return row.version.type_name.split('.').pop() ?? '';
}

function verdict(row: ModelState, trans: IContext['trans']): string {
  if (row.checks.length === 0) {
    return trans.__('not checked');
  }
  const failed = row.checks.filter(check => check.verdict === 'failed').length;
  return failed
    ? trans._n('%1 check failed', '%1 checks failed', failed)
    : trans._n(
        '%1 check passed',
        '%1 checks passed',
        row.checks.filter(check => check.verdict === 'passed').length
      );
}
