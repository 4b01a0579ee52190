import * as React from 'react';

import { asProblem } from '../problem';
import { Artifact } from '../schema';
import { IContext } from '../tokens';
import { Block, Empty } from './parts';
import { Picture } from './outputs';

/**
 * The pictures that are kept of a record, with a button to draw them anew.
 *
 * `answer` is what its document was answered last: with another one the list is asked for again.
 */
export function Plots(props: {
  of: string;
  /** How the verb knows it: an id, or `churn@3`. */
  reference: string;
  answer: unknown;
  context: IContext;
}): React.ReactElement {
  const { of, reference, answer, context } = props;
  const { trans, app, client, project } = context;
  const [plots, setPlots] = React.useState<ReadonlyArray<Artifact>>([]);
  const [problem, setProblem] = React.useState<string | null>(null);
  React.useEffect(() => {
    const asked = new AbortController();
    const options = { project: project.path, signal: asked.signal };
    client.call('records/artifacts', { kind: 'plot', of, order_by: 'id', limit: 50 }, options).then(
      found => {
        setPlots(found);
        setProblem(null);
      },
      error => asked.signal.aborted || setProblem(asProblem(error).detail)
    );
    return () => asked.abort();
  }, [of, answer, client, project.path]);
  const draw = (
    <button
      className="nbops-Button"
      onClick={() => void app.commands.execute('nbops:draw-plots', { id: reference })}
    >
      {trans.__('Draw')}
    </button>
  );
  return (
    <Block title={trans.__('Plots')} aside={draw} isWide>
      {problem !== null && <Empty>{problem}</Empty>}
      {problem === null && plots.length === 0 && <Empty>{trans.__('None drawn yet.')}</Empty>}
      <div className="nbops-Plots">
        {plots.map(plot => (
          <Plot key={plot.id} plot={plot} context={context} />
        ))}
      </div>
    </Block>
  );
}

function Plot(props: { plot: Artifact; context: IContext }): React.ReactElement {
  const { plot, context } = props;
  const { client, project } = context;
  const [content, setContent] = React.useState<Blob | null>(null);
  const [problem, setProblem] = React.useState<string | null>(null);
  React.useEffect(() => {
    const asked = new AbortController();
    client.call('content', { id: plot.id }, { project: project.path, signal: asked.signal }).then(
      bytes => setContent(new Blob([bytes as unknown as Blob], { type: plot.media_type })),
      error => asked.signal.aborted || setProblem(asProblem(error).detail)
    );
    return () => asked.abort();
  }, [plot.id, plot.media_type, client, project.path]);
  return (
    <figure className="nbops-Plot">
      {problem !== null && <Empty>{problem}</Empty>}
      {content && <Picture content={content} label={plot.caption} />}
      <figcaption>{plot.caption}</figcaption>
    </figure>
  );
}
