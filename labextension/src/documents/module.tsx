import * as React from 'react';

import { moment, text } from '../format';
import { moduleIcon } from '../noun-icons';
import { Definition, ModulePage, ModuleVersion } from '../schema';
import { IContext } from '../tokens';
import { Document, openInMain } from './document';
import { Actions, Block, Code, Empty, Facts } from './parts';

/** Open a module's version beside the one before it and the file on disk. */
export function openModuleDocument(context: IContext, module: string): void {
  openInMain(context, {
    again: { command: 'nbops:open-module', args: { module } },
    id: `nbops-module-${module}`,
    title: context.trans.__('Module'),
    caption: module,
    icon: moduleIcon,
    make: () => new ModuleDocument(context, module)
  });
}

class ModuleDocument extends Document<ModulePage> {
  constructor(
    context: IContext,
    private readonly _module: string
  ) {
    super(context);
    this.node.setAttribute('aria-label', context.trans.__('Module'));
  }

  protected override readonly tables = ['module_versions'];

  protected ask(): Promise<ModulePage> {
    return this.context.client.call(
      'modules/page',
      { module: this._module, version: this._version, against: this._against },
      this.asking
    );
  }

  protected draw(state: ModulePage): React.ReactElement {
    const { trans, app } = this.context;
    const { version } = state;
    const about = { module: version.module };
    if (this.parent) {
      this.parent.title.label = `${version.module} ${version.version}`;
    }
    return (
      <article>
        <header className="nbops-Head">
          <h1>{text(version.module)}</h1>
          <VersionSelect
            label={trans.__('Version')}
            value={version.version}
            versions={state.versions}
            onChange={chosen => {
              this._version = chosen;
              this._against = undefined;
              this.again();
            }}
          />
          <span className="nbops-Head-fact">{moment(version.created_at)}</span>
          {state.file !== 'missing' ? (
            <button
              className="nbops-Link"
              onClick={() => void app.commands.execute('nbops:open-notebook', { notebook: version.path })}
            >
              {version.path}
            </button>
          ) : (
            <span className="nbops-Head-fact">{version.path}</span>
          )}
          <FileWord state={state} context={this.context} />
          <Actions
            context={this.context}
            actions={[
              { label: trans.__('Test'), command: 'nbops:test-module', args: about },
              version.id === state.versions[0].id
                ? null
                : {
                    label: trans.__('Go Back to %1…', version.version),
                    command: 'nbops:rollback-module',
                    args: { ...about, version: version.version }
                  },
              { label: trans.__('Build Wheel'), command: 'nbops:build-package', args: about },
              { label: trans.__('Lineage'), command: 'nbops:open-lineage', args: { id: version.module } }
            ]}
          />
        </header>
        {version.notes.length > 0 && (
          <Block title={trans.__('To know')} isWide>
            <ul className="nbops-Notes">
              {version.notes.map(note => (
                <li key={note}>{text(note, 1000)}</li>
              ))}
            </ul>
          </Block>
        )}
        <Block title={trans.__('Where its definitions came from')} isWide>
          <Facts
            facts={version.definitions
              .filter(definition => definition.kind !== 'import')
              .map(definition => [
                definition.name,
                <Origin key={definition.name} definition={definition} context={this.context} />
              ])}
          />
        </Block>
        {state.file === 'edited' && (
          <Block title={trans.__('Edited on disk since')} isWide>
            <button
              className="nbops-Link"
              onClick={() => void app.commands.execute('nbops:pull-module', { module: version.module })}
            >
              {trans.__('Pull the edits into the notebook')}
            </button>
            <Code kind="diff" label={trans.__('Differences to the file')} text={state.against_file} />
          </Block>
        )}
        {state.other !== null && (
          <Block
            title={trans.__('What changed')}
            aside={
              <VersionSelect
                label={trans.__('Against')}
                value={state.other}
                versions={state.versions.filter(({ id }) => id !== version.id)}
                onChange={chosen => {
                  this._against = chosen;
                  this.again();
                }}
              />
            }
            isWide
          >
            {state.against_other ? (
              <Code
                kind="diff"
                label={trans.__('Differences to version %1', state.other)}
                text={state.against_other}
              />
            ) : (
              <Empty>{trans.__('The same text.')}</Empty>
            )}
          </Block>
        )}
        <Block title={trans.__('Source')} isWide>
          <Code label={trans.__('Source')} text={version.source} />
        </Block>
      </article>
    );
  }

  private _version: string | undefined;
  private _against: string | undefined;
}

function VersionSelect(props: {
  label: string;
  value: string;
  versions: ReadonlyArray<ModuleVersion>;
  onChange(version: string): void;
}): React.ReactElement {
  return (
    <label className="nbops-Check">
      {props.label}
      <select
        className="nbops-Select"
        value={props.value}
        onChange={event => props.onChange(event.target.value)}
      >
        {props.versions.map(({ id, version }) => (
          <option key={id} value={version}>
            {version}
          </option>
        ))}
      </select>
    </label>
  );
}

function FileWord(props: { state: ModulePage; context: IContext }): React.ReactElement {
  const { trans } = props.context;
  const words = {
    same: trans.__('file unchanged'),
    edited: trans.__('file edited'),
    missing: trans.__('file missing')
  };
  const isWell = props.state.file === 'same';
  return <span className={`nbops-Chip ${isWell ? '' : 'nbops-mod-warn'}`}>{words[props.state.file]}</span>;
}

function Origin(props: { definition: Definition; context: IContext }): React.ReactElement {
  const { definition, context } = props;
  const { trans, app } = context;
  const kinds = {
    function: trans.__('function'),
    class: trans.__('class'),
    value: trans.__('value'),
    import: trans.__('import')
  };
  return (
    <>
      {kinds[definition.kind]}{' '}
      {definition.execution_id === null ? (
        definition.cell
      ) : (
        <button
          className="nbops-Link"
          onClick={() => void app.commands.execute('nbops:open-cell', { execution: definition.execution_id })}
        >
          {trans.__('to its cell')}
        </button>
      )}
    </>
  );
}
