import * as React from 'react';

import { duration, moment, short, size, spoken } from '../format';
import { nbopsIcon } from '../icons';
import { StatusWord } from '../parts/status';
import { serverPath } from '../server-path';
import { CellExecution, Run, ShownOutputs } from '../schema';
import { IContext } from '../tokens';
import { Document, openInMain } from './document';
import { Displays } from './outputs';
import { Actions, Block, Code, Empty, Facts } from './parts';

/** Go to the cell in its notebook; where it is no longer there, show what was recorded of it. */
export async function openExecution(context: IContext, execution: string): Promise<void> {
  const project = context.project.path;
  const page = await context.client.call('show', { id: execution }, { project });
  const cell = page.record as unknown as CellExecution;
  const run = (await context.client.call('records/runs', { id: cell.run_id }, { project }))[0] as
    Run | undefined;
  const path = run?.notebook ? await serverPath(context.project, run.notebook) : null;
  if (path === null || cell.cell_id === null || !(await jumpToCell(context, path, cell.cell_id))) {
    showExecution(context, execution);
  }
}

/** Show what was recorded of an execution, and what the same cell gave at other times. */
export function showExecution(context: IContext, execution: string): void {
  openInMain(context, {
    again: { command: 'nbops:show-execution', args: { execution } },
    id: `nbops-execution-${execution}`,
    title: context.trans.__('Cell'),
    caption: execution,
    icon: nbopsIcon,
    make: () => new ExecutionDocument(context, execution)
  });
}

/** Bring a cell of a notebook into view and make it the active one; false when it is not there. */
export async function jumpToCell(context: IContext, path: string, cellId: string): Promise<boolean> {
  const { app, notebooks } = context;
  try {
    await app.serviceManager.contents.get(path, { content: false });
  } catch {
    return false;
  }
  await app.commands.execute('docmanager:open', { path });
  const panel = notebooks?.find(
    candidate => candidate.context.path === path || candidate.context.localPath === path
  );
  if (!panel) {
    return false;
  }
  await panel.context.ready;
  await panel.revealed;
  const index = panel.content.widgets.findIndex(cell => cell.model.id === cellId);
  if (index < 0) {
    return false;
  }
  panel.content.activeCellIndex = index;
  await panel.content.scrollToItem(index, 'center');
  panel.content.activate();
  return true;
}

class ExecutionDocument extends Document<ShownOutputs[]> {
  constructor(
    context: IContext,
    private readonly _execution: string
  ) {
    super(context);
    this.node.setAttribute('aria-label', context.trans.__('Cell'));
  }

  protected override readonly tables = ['cells', 'artifacts'];

  protected ask(): Promise<ShownOutputs[]> {
    const { client, project } = this.context;
    return client.call('outputs', { id: this._execution, limit: 7 }, { project: project.path });
  }

  protected draw(shown: ShownOutputs[]): React.ReactElement {
    const { trans, app } = this.context;
    const cell = shown[0].execution;
    return (
      <article>
        <header className="nbops-Head">
          <h1>{trans.__('Cell %1', cell.position)}</h1>
          <StatusWord status={cell.status} trans={trans} />
          <span className="nbops-Head-fact">{moment(cell.started_at)}</span>
          {cell.ended_at !== null && (
            <span className="nbops-Head-fact">{duration(cell.ended_at - cell.started_at)}</span>
          )}
          <button
            className="nbops-Link nbops-mod-code"
            onClick={() => void app.commands.execute('nbops:open-run', { run: cell.run_id })}
          >
            {trans.__('Run %1', short(cell.run_id))}
          </button>
          <Actions
            context={this.context}
            actions={[
              { label: trans.__('Go to Cell'), command: 'nbops:open-cell', args: { execution: cell.id } },
              { label: trans.__('Lineage'), command: 'nbops:open-lineage', args: { id: cell.id } }
            ]}
          />
        </header>
        <Block title={trans.__('Source')} isWide>
          <Code label={trans.__('Source')} text={cell.source} />
        </Block>
        <Block
          title={shown.length > 1 ? trans.__('Output, beside that of other times') : trans.__('Output')}
          isWide
        >
          <div className="nbops-Beside">
            {shown.map(each => (
              <Shown
                key={each.execution.id}
                shown={each}
                isThis={each.execution.id === cell.id}
                context={this.context}
              />
            ))}
          </div>
        </Block>
        <Block title={trans.__('Where it ran')} isWide>
          <Facts
            facts={[
              [trans.__('Host'), cell.host],
              [trans.__('Process'), cell.pid],
              [trans.__('Execution count'), cell.execution_count],
              [trans.__('Displayed'), cell.outputs?.media_types.join(', ')]
            ]}
          />
        </Block>
      </article>
    );
  }
}

/** What one execution gave: its error, its words and its displays. */
function Shown(props: { shown: ShownOutputs; isThis: boolean; context: IContext }): React.ReactElement {
  const { execution: cell, outputs } = props.shown;
  const { isThis, context } = props;
  const { trans, app } = context;
  const said = spoken(cell.outputs?.text ?? '');
  const status = (
    <>
      <StatusWord status={cell.status} trans={trans} /> {moment(cell.started_at)}
    </>
  );
  return (
    <section aria-label={moment(cell.started_at)}>
      <div className="nbops-Beside-head">
        {isThis ? (
          <span>{status}</span>
        ) : (
          <button
            className="nbops-Link"
            onClick={() => void app.commands.execute('nbops:show-execution', { execution: cell.id })}
          >
            {status}
          </button>
        )}
        <span className="nbops-Row-aside">{cell.outputs && size(cell.outputs.total_bytes)}</span>
      </div>
      {cell.error && (
        <Code
          kind="error"
          label={trans.__('Error')}
          text={(isThis && cell.error.traceback) || `${cell.error.name}: ${cell.error.message}`}
        />
      )}
      {said && <Code label={trans.__('Output')} text={said} />}
      <Displays outputs={outputs} context={context} />
      {!cell.error && !said && outputs.length === 0 && <Empty>{trans.__('It showed nothing.')}</Empty>}
      {cell.outputs && cell.outputs.left_out > 0 && (
        <Empty>
          {trans._n('%1 more display was not kept', '%1 more displays were not kept', cell.outputs.left_out)}
        </Empty>
      )}
    </section>
  );
}
