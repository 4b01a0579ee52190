import * as React from 'react';

import { size, text } from '../format';
import { tell } from '../notices';
import { asProblem } from '../problem';
import { problemWords } from '../problem-words';
import { Artifact, Page } from '../schema';
import { IContext } from '../tokens';
import { Block, Empty, Facts } from './parts';
import { TrustMark } from './trust';

/** How many of each list the server puts on a page. */
export const SHOWN = 50;

/** What a run made: parts, models, modules and artifacts, each to be opened. */
export function Belongings(props: { page: Page; context: IContext }): React.ReactElement | null {
  const { page, context } = props;
  const { trans } = context;
  const facts: [string, React.ReactNode][] = [
    ...page.parts.map((run): [string, React.ReactNode] => [
      text(run.name, 80),
      <Opening command="nbops:open-run" args={{ run: run.id }} context={context}>
        {trans.__('part of this run')}
      </Opening>
    ]),
    ...page.models.map((version): [string, React.ReactNode] => {
      const model = `${version.model}@${version.number}`;
      return [
        model,
        <>
          <Opening command="nbops:open-model" args={{ model }} context={context}>
            {text(version.type_name, 120)}
          </Opening>{' '}
          <TrustMark trust={page.trust[model]} of={{ id: model }} context={context} />
        </>
      ];
    }),
    ...page.modules.map((module): [string, React.ReactNode] => [
      `${module.module}@${module.version}`,
      <Opening command="nbops:open-module" args={{ module: module.module }} context={context}>
        {text(module.path, 120)}
      </Opening>
    ]),
    ...page.artifacts.map((artifact): [string, React.ReactNode] => [
      artifact.name,
      <button
        className="nbops-Link"
        title={trans.__('Download it')}
        aria-label={trans.__('Download %1, %2', artifact.name, size(artifact.size_bytes))}
        onClick={() => void download(context, artifact)}
      >
        {size(artifact.size_bytes)}
      </button>
    ])
  ];
  return facts.length === 0 ? null : (
    <Block title={trans.__('What it made')} isWide>
      <Facts facts={facts} />
      {page.artifacts.length >= SHOWN && (
        <Empty>{trans.__('The first %1 artifacts; nbops download writes all of them.', SHOWN)}</Empty>
      )}
    </Block>
  );
}

function Opening(props: {
  command: string;
  args: { [name: string]: string };
  context: IContext;
  children: React.ReactNode;
}): React.ReactElement {
  const { command, args, context, children } = props;
  return (
    <button className="nbops-Link" onClick={() => void context.app.commands.execute(command, args)}>
      {children}
    </button>
  );
}

async function download({ client, project, trans }: IContext, artifact: Artifact): Promise<void> {
  try {
    const bytes = await client.call('content', { id: artifact.id }, { project: project.path });
    const link = document.createElement('a');
    link.href = URL.createObjectURL(bytes as unknown as Blob);
    link.download = artifact.name.split('/').pop() ?? 'artifact';
    link.click();
    // The browser takes the bytes when it gets to it.
    window.setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  } catch (error) {
    tell(trans, problemWords(asProblem(error), trans), 'error');
  }
}
