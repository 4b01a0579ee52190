import * as React from 'react';

import { duration, moment, short, size } from '../format';
import { nbopsIcon } from '../icons';
import { StatusWord } from '../parts/status';
import { serverPath } from '../server-path';
import { CellExecution, Run, ShownOutputs } from '../schema';
import { IContext } from '../tokens';
import { Document, openInMain } from './document';
import { Displays } from './outputs';
import { Block, Code, Empty, Facts } from './parts';

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

  protected draw([{ execution: cell, outputs }, ...others]: ShownOutputs[]): React.ReactElement {
    const { trans, app } = this.context;
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
        </header>
        <Block title={trans.__('Source')} isWide>
          <Code label={trans.__('Source')} text={cell.source} />
        </Block>
        {cell.error && (
          <Block title={trans.__('Error')} isWide>
            <Code
              kind="error"
              label={trans.__('Error')}
              text={cell.error.traceback || `${cell.error.name}: ${cell.error.message}`}
            />
          </Block>
        )}
        {cell.outputs && (
          <Block
            title={trans.__('Output')}
            aside={<span className="nbops-Row-aside">{size(cell.outputs.total_bytes)}</span>}
            isWide
          >
            {cell.outputs.text && <Code label={trans.__('Output')} text={cell.outputs.text} />}
            <Displays outputs={outputs} context={this.context} />
            {cell.outputs.left_out > 0 && (
              <Empty>
                {trans._n(
                  '%1 more display was not kept',
                  '%1 more displays were not kept',
                  cell.outputs.left_out
                )}
              </Empty>
            )}
          </Block>
        )}
        {others.length > 0 && <Others shown={others} context={this.context} />}
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

/** What the same cell gave when it ran otherwise, side by side. */
function Others(props: { shown: ShownOutputs[]; context: IContext }): React.ReactElement {
  const { trans, app } = props.context;
  return (
    <Block title={trans.__('Other executions of this cell')} isWide>
      <div className="nbops-Blocks">
        {props.shown.map(({ execution: cell, outputs }) => (
          <div key={cell.id}>
            <button
              className="nbops-Link"
              onClick={() => void app.commands.execute('nbops:show-execution', { execution: cell.id })}
            >
              <StatusWord status={cell.status} trans={trans} /> {moment(cell.started_at)}
            </button>
            <Code
              kind={cell.error ? 'error' : undefined}
              label={trans.__('Output')}
              text={cell.error ? `${cell.error.name}: ${cell.error.message}` : (cell.outputs?.text ?? '')}
            />
            <Displays outputs={outputs} context={props.context} />
          </div>
        ))}
      </div>
    </Block>
  );
}
