import * as React from 'react';

import { duration, firstLine, moment, number, short, text, visible } from '../format';
import { nbopsIcon } from '../icons';
import { StatusMark, StatusWord } from '../parts/status';
import { statusWords } from '../parts/words';
import { Page, Run } from '../schema';
import { tagsOf } from '../tags';
import { IContext } from '../tokens';
import { Belongings, SHOWN } from './belongings';
import { Curves } from './curves';
import { Document, openInMain } from './document';
import { Fits } from './fits';
import { Actions, Block, Code, Empty, Facts, Values } from './parts';
import { Plots } from './plots';
import { TrustMark } from './trust';

/** Open a run in the main area. */
export function openRunDocument(context: IContext, run: string): void {
  openInMain(context, {
    again: { command: 'nbops:open-run', args: { run } },
    id: `nbops-run-${run}`,
    title: context.trans.__('Run %1', short(run)),
    caption: run,
    icon: nbopsIcon,
    make: () => new RunDocument(context, run)
  });
}

class RunDocument extends Document<Page> {
  constructor(
    context: IContext,
    private readonly _run: string
  ) {
    super(context);
    this.node.setAttribute('aria-label', context.trans.__('Run'));
  }

  protected override readonly tables = [
    'runs',
    'cells',
    'metrics',
    'params',
    'artifacts',
    'fits',
    'module_versions',
    'model_versions',
    'reproductions'
  ];

  protected ask(): Promise<Page> {
    return this.context.client.call('show', { id: this._run }, this.asking);
  }

  protected draw(page: Page): React.ReactElement {
    const run = page.record as unknown as Run;
    const { context } = this;
    const { trans } = context;
    if (this.parent) {
      this.parent.title.label = text(run.name, 40) || short(run.id);
    }
    return (
      <article>
        <Head run={run} context={context} />
        {run.error && (
          <Block title={trans.__('Error')} isWide>
            <Code
              kind="error"
              label={trans.__('Error')}
              text={run.error.traceback || `${run.error.name}: ${run.error.message}`}
            />
          </Block>
        )}
        <div className="nbops-Blocks">
          <Block title={trans.__('Metrics')}>
            <LastMetrics page={page} context={context} />
          </Block>
          <Block title={trans.__('Parameters')}>
            {Object.keys(page.params).length ? (
              <Values values={page.params} />
            ) : (
              <Empty>{trans.__('None logged.')}</Empty>
            )}
          </Block>
          <Block title={trans.__('Where it ran')}>
            <Surroundings run={run} page={page} context={context} />
          </Block>
        </div>
        <Reproductions page={page} context={context} />
        <Curves runs={[{ id: run.id, name: text(run.name, 60) }]} stamp={page} context={context} />
        <Plots of={run.id} reference={run.id} answer={page} context={context} />
        <Fits fits={page.fits} context={context} />
        <Cells page={page} context={context} />
        <Belongings page={page} context={context} />
      </article>
    );
  }
}

function Head(props: { run: Run; context: IContext }): React.ReactElement {
  const { run, context } = props;
  const { trans, app } = context;
  const took = duration((run.ended_at ?? Date.now() / 1000) - run.started_at);
  const about = { run: run.id };
  return (
    <header className="nbops-Head">
      <h1>{text(run.name) || short(run.id)}</h1>
      <StatusWord status={run.status} trans={trans} />
      <span className="nbops-Head-fact">{moment(run.started_at)}</span>
      <span className="nbops-Head-fact">{took}</span>
      {run.notebook && (
        <button
          className="nbops-Link"
          onClick={() => void app.commands.execute('nbops:open-notebook', { notebook: run.notebook })}
        >
          {run.notebook}
        </button>
      )}
      <button
        className="nbops-Link nbops-mod-code"
        onClick={() => void app.commands.execute('nbops:copy-id', { run: run.id })}
      >
        {short(run.id)}
        <span className="nbops-visuallyHidden">{trans.__('copy id')}</span>
      </button>
      {tagsOf(run).map(tag => (
        <span key={tag} className="nbops-Chip">
          {tag}
        </span>
      ))}
      {run.note && <p className="nbops-Head-note">{visible(run.note.slice(0, 4000))}</p>}
      <Actions
        context={context}
        actions={[
          run.status === 'running' && run.kind === 'notebook'
            ? { label: trans.__('Cancel'), command: 'nbops:cancel', args: { id: run.id } }
            : null,
          run.notebook ? { label: trans.__('Run Again'), command: 'nbops:rerun', args: about } : null,
          run.cause !== 'reproduction'
            ? { label: trans.__('Reproduce'), command: 'nbops:reproduce-run', args: about }
            : null,
          { label: trans.__('Lineage'), command: 'nbops:open-lineage', args: { id: run.id } },
          { label: trans.__('Tag…'), command: 'nbops:tag-run', args: about },
          { label: trans.__('Note…'), command: 'nbops:note-on-run', args: about }
        ]}
      />
    </header>
  );
}

/** What came of running it again: the verdict, where it first differs, and why. */
function Reproductions(props: { page: Page; context: IContext }): React.ReactElement | null {
  const { page, context } = props;
  const { trans, app } = context;
  if (page.reproductions.length === 0) {
    return null;
  }
  return (
    <Block title={trans.__('Reproductions')} isWide>
      <ul className="nbops-Plain">
        {page.reproductions.map(made => (
          <li key={made.id} className="nbops-CheckRow">
            <StatusMark status={made.verdict} trans={trans} />
            <span>
              <button
                className="nbops-Link"
                onClick={() => void app.commands.execute('nbops:open-run', { run: made.rerun_id })}
              >
                {text(made.of, 80)}
              </button>{' '}
              {statusWords(made.verdict, trans)}
              {made.differs_in && `, ${trans.__('first in %1', made.differs_in)}`}
              {made.causes.map(cause => (
                <div key={cause} className="nbops-Table-aside">
                  {text(cause, 300)}
                </div>
              ))}
            </span>
          </li>
        ))}
      </ul>
    </Block>
  );
}

function LastMetrics(props: { page: Page; context: IContext }): React.ReactElement {
  const { page, context } = props;
  const last = new Map(page.metrics.map(metric => [metric.name, metric.value]));
  if (last.size === 0) {
    return <Empty>{context.trans.__('None logged.')}</Empty>;
  }
  return (
    <dl className="nbops-Numbers">
      {[...last].map(([name, value]) => (
        <div key={name}>
          <dd>{number(value)}</dd>
          <dt>
            {text(name, 80)}{' '}
            <TrustMark
              trust={page.trust[name]}
              of={{ id: page.record.id as string, metric: name }}
              context={context}
            />
          </dt>
        </div>
      ))}
    </dl>
  );
}

function Surroundings(props: { run: Run; page: Page; context: IContext }): React.ReactElement {
  const { run, page, context } = props;
  const { trans } = context;
  const commit =
    run.git_commit && run.git_commit.slice(0, 12) + (run.git_dirty ? ` + ${trans.__('edits')}` : '');
  return (
    <Facts
      facts={[
        [trans.__('Started by'), `${run.cause}${run.user ? ` (${run.user})` : ''}`],
        [trans.__('Host'), run.host],
        [trans.__('Commit'), commit],
        [trans.__('Branch'), run.git_branch],
        [trans.__('Python'), page.environment?.python],
        [trans.__('Packages'), page.environment && Object.keys(page.environment.packages).length],
        [trans.__('Executed notebook'), run.output?.replace(`${context.project.state?.root ?? ''}/`, '')]
      ]}
    />
  );
}

function Cells(props: { page: Page; context: IContext }): React.ReactElement | null {
  const { page, context } = props;
  const { trans, app } = context;
  if (page.cells.length === 0) {
    return null;
  }
  return (
    <Block title={trans.__('Cells')} isWide>
      <ol className="nbops-Plain">
        {page.cells.map(cell => (
          <li key={cell.id}>
            <button
              className="nbops-Line"
              onClick={() => void app.commands.execute('nbops:open-cell', { execution: cell.id })}
            >
              <StatusMark status={cell.status} trans={trans} />
              <span className="nbops-Line-number">{cell.position}</span>
              <code>{firstLine(cell.source)}</code>
              <span className="nbops-Row-aside">
                {cell.ended_at === null ? '' : duration(cell.ended_at - cell.started_at)}
              </span>
            </button>
          </li>
        ))}
      </ol>
      {page.cells.length >= SHOWN && (
        <Empty>{trans.__('The first %1; the section Cells has all of them.', SHOWN)}</Empty>
      )}
    </Block>
  );
}
