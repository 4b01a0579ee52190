import { IRenderMime, IRenderMimeRegistry } from '@jupyterlab/rendermime';
import * as React from 'react';

import { size } from '../format';
import { asProblem } from '../problem';
import { Artifact } from '../schema';
import { IContext } from '../tokens';
import { Code, Empty } from './parts';

const PIXELS = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'];
const SVG = 'image/svg+xml';

/** What a cell displayed, one below the other. */
export function Displays(props: { outputs: ReadonlyArray<Artifact>; context: IContext }): React.ReactElement {
  return (
    <>
      {props.outputs.map(output => (
        <Display key={output.id} output={output} context={props.context} />
      ))}
    </>
  );
}

/** One display. It comes from a file, so nothing in it may run: no script, no handler, no active link. */
function Display(props: { output: Artifact; context: IContext }): React.ReactElement {
  const { output, context } = props;
  const [content, setContent] = React.useState<Blob | null>(null);
  const [problem, setProblem] = React.useState<string | null>(null);
  React.useEffect(() => {
    const asked = new AbortController();
    const options = { project: context.project.path, signal: asked.signal };
    context.client.call('content', { id: output.id }, options).then(
      bytes => setContent(new Blob([bytes as unknown as Blob], { type: output.media_type })),
      error => asked.signal.aborted || setProblem(asProblem(error).detail)
    );
    return () => asked.abort();
  }, [output.id, output.media_type, context]);
  return (
    <figure className="nbops-Display" aria-label={output.name}>
      {problem !== null && <Empty>{problem}</Empty>}
      {content && isPicture(output) && <Picture content={content} label={output.name} />}
      {content && !isPicture(output) && <Rendered content={content} output={output} context={context} />}
      <figcaption>
        {output.name}, {size(output.size_bytes)}
      </figcaption>
    </figure>
  );
}

function isPicture(output: Artifact): boolean {
  return output.media_type === SVG || PIXELS.includes(output.media_type);
}

/** A picture as an image's source, where even a drawing's scripts never run. */
export function Picture(props: { content: Blob; label: string }): React.ReactElement | null {
  const { content, label } = props;
  const [source, setSource] = React.useState<string | null>(null);
  React.useEffect(() => {
    // Not a blob: address, which somebody may open in a tab of its own, where a drawing's scripts would be at home.
    const reader = new FileReader();
    reader.onload = () => setSource(reader.result as string);
    reader.readAsDataURL(content);
    return () => reader.abort();
  }, [content]);
  return source === null ? null : <img src={source} alt={label} />;
}

/** Text, tables and charts as JupyterLab shows those of a notebook that is not trusted. */
function Rendered(props: { content: Blob; output: Artifact; context: IContext }): React.ReactElement {
  const { content, output, context } = props;
  const host = React.useRef<HTMLDivElement>(null);
  const [text, setText] = React.useState<string | null>(null);
  React.useEffect(() => {
    let renderer: IRenderMime.IRenderer | null = null;
    let isGone = false;
    void content.text().then(async written => {
      if (isGone) {
        return;
      }
      renderer = await rendered(context.rendermime, output.media_type, written, host.current).catch(
        () => null
      );
      if (renderer === null) {
        setText(written);
      } else if (isGone) {
        renderer.dispose();
      }
    });
    return () => {
      isGone = true;
      renderer?.dispose();
    };
  }, [content, output.media_type, context]);
  return text === null ? <div ref={host} /> : <Code label={output.name} text={text.slice(0, 10000)} />;
}

async function rendered(
  rendermime: IRenderMimeRegistry | null,
  type: string,
  written: string,
  host: HTMLElement | null
): Promise<IRenderMime.IRenderer | null> {
  const data = { [type]: type.endsWith('json') ? JSON.parse(written) : written };
  const chosen = rendermime?.preferredMimeType(data, 'ensure');
  if (!rendermime || !chosen || !host) {
    return null;
  }
  const renderer = rendermime.createRenderer(chosen);
  await renderer.renderModel(rendermime.createModel({ data, trusted: false }));
  host.replaceChildren(renderer.node);
  return renderer;
}
