import * as React from 'react';

import { moment, number, short, text } from '../format';
import { modelIcon } from '../noun-icons';
import { StatusMark } from '../parts/status';
import { CheckResult, Column, ModelState, ModelVersion } from '../schema';
import { IContext } from '../tokens';
import { Document, openInMain } from './document';
import { Actions, Block, Empty, Facts, Values } from './parts';
import { Plots } from './plots';

/** Open a model's version. */
export function openModelDocument(context: IContext, model: string): void {
  openInMain(context, {
    again: { command: 'nbops:open-model', args: { model } },
    id: `nbops-model-${model}`,
    title: model,
    caption: model,
    icon: modelIcon,
    make: () => new ModelDocument(context, model)
  });
}

class ModelDocument extends Document<ModelState> {
  constructor(
    context: IContext,
    private readonly _model: string
  ) {
    super(context);
    this.node.setAttribute('aria-label', context.trans.__('Model %1', _model));
  }

  protected override readonly tables = ['models', 'model_versions', 'check_results', 'artifacts'];

  protected ask(): Promise<ModelState> {
    return this.context.client.call('models/one', { model: this._model }, this.asking);
  }

  protected draw(state: ModelState): React.ReactElement {
    const { context } = this;
    const { trans } = context;
    const { version } = state;
    const about = { model: this._model };
    return (
      <article>
        <header className="nbops-Head">
          <h1>
            {text(version.model)}
            <span className="nbops-Row-number">@{version.number}</span>
          </h1>
          {state.aliases.map(alias => (
            <span key={alias} className="nbops-Chip nbops-mod-strong">
              {text(alias, 40)}
            </span>
          ))}
          <span className="nbops-Head-fact">{moment(version.created_at)}</span>
          <Actions
            context={context}
            actions={[
              { label: trans.__('Deploy…'), command: 'nbops:deploy-model', args: about, isPrimary: true },
              { label: trans.__('Check'), command: 'nbops:check-model', args: about },
              { label: trans.__('Promote…'), command: 'nbops:promote-model', args: about },
              { label: trans.__('Export…'), command: 'nbops:export-model', args: about },
              { label: trans.__('Lineage'), command: 'nbops:open-lineage', args: { id: this._model } }
            ]}
          />
        </header>
        <div className="nbops-Blocks">
          <Block title={trans.__('What it is')}>
            <Facts
              facts={[
                [trans.__('Type'), version.type_name],
                [trans.__('Stored as'), version.flavour],
                [trans.__('Gives'), gives(version)],
                [trans.__('Python'), version.python],
                [trans.__('Bytes'), <code key="digest">{version.digest.slice(0, 16)}</code>]
              ]}
            />
          </Block>
          <Block title={trans.__('Where it came from')}>
            <Chain version={version} context={context} />
          </Block>
          <Block title={trans.__('Checks')}>
            <Checks checks={state.checks} context={context} />
          </Block>
        </div>
        <Plots of={version.id} reference={this._model} answer={state} context={context} />
        <Block title={trans.__('What it takes')} isWide>
          <Signature columns={version.signature.columns} context={context} />
        </Block>
        {Object.keys(version.params).length > 0 && (
          <Block title={trans.__('Parameters of the estimator')} isWide>
            <Values values={version.params} />
          </Block>
        )}
      </article>
    );
  }
}

/** The way back: run and cell. */
export function Chain(props: { version: ModelVersion; context: IContext }): React.ReactElement {
  const { version, context } = props;
  const { trans, app } = context;
  if (version.run_id === null) {
    return <Empty>{trans.__('It was registered outside of a recorded run.')}</Empty>;
  }
  return (
    <Facts
      facts={[
        [
          trans.__('Run'),
          <button
            key="run"
            className="nbops-Link"
            onClick={() => void app.commands.execute('nbops:open-run', { run: version.run_id })}
          >
            {short(version.run_id)}
          </button>
        ],
        [
          trans.__('Cell'),
          version.execution_id && (
            <button
              key="cell"
              className="nbops-Link"
              onClick={() =>
                void app.commands.execute('nbops:open-cell', { execution: version.execution_id })
              }
            >
              {trans.__('to the cell that made it')}
            </button>
          )
        ],
        [trans.__('Modules'), version.module_version_ids.length || null],
        [trans.__('Data sets'), version.dataset_ids.length || null]
      ]}
    />
  );
}

function Checks(props: { checks: CheckResult[]; context: IContext }): React.ReactElement {
  const { trans } = props.context;
  if (props.checks.length === 0) {
    return <Empty>{trans.__('Not checked yet.')}</Empty>;
  }
  return (
    <ul className="nbops-Plain">
      {props.checks.map(check => (
        <li key={check.id} className="nbops-CheckRow">
          <StatusMark status={check.verdict} trans={trans} />
          <span>
            <strong>{text(check.check, 80)}</strong> {text(check.message, 400)}
          </span>
        </li>
      ))}
    </ul>
  );
}

function Signature(props: { columns: Column[]; context: IContext }): React.ReactElement {
  const { trans } = props.context;
  return (
    <div
      className="nbops-TableScroll nbops-mod-plain"
      tabIndex={0}
      role="region"
      aria-label={trans.__('Columns')}
    >
      <table className="nbops-Table">
        <thead>
          <tr>
            <th scope="col">{trans.__('Column')}</th>
            <th scope="col">{trans.__('Kind')}</th>
            <th scope="col">{trans.__('Seen in training')}</th>
          </tr>
        </thead>
        <tbody>
          {props.columns.map(column => (
            <tr key={column.name}>
              <th scope="row">{text(column.name, 80)}</th>
              <td>{column.kind + (column.optional ? ` (${trans.__('may be missing')})` : '')}</td>
              <td>{text(seen(column))}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function seen(column: Column): string {
  if (column.categories) {
    return column.categories.slice(0, 8).join(', ') + (column.categories.length > 8 ? ' …' : '');
  }
  return column.minimum === null || column.minimum === undefined
    ? ''
    : `${number(column.minimum)} – ${number(column.maximum)}`;
}

function gives(version: ModelVersion): string {
  const { output, classes } = version.signature;
  return classes ? `${output}: ${classes.slice(0, 8).join(', ')}` : (output ?? '');
}
