import * as React from 'react';

import { short, text } from '../format';
import { asProblem } from '../problem';
import { Tail } from '../schema';
import { IContext } from '../tokens';
import { Code, Empty } from './parts';

/** Which run's output is shown, and how that is changed. */
export interface IOpened {
  readonly run: string | null;
  open(run: string): void;
}

export function RunLink(props: {
  run: string;
  name: string;
  /** Where its point stands beside it: by its id. */
  isShort?: boolean;
  context: IContext;
}): React.ReactElement {
  const { run, name, isShort, context } = props;
  return (
    <button
      className={`nbops-Link ${isShort ? 'nbops-mod-code' : ''}`}
      title={text(name)}
      aria-label={text(name) || short(run)}
      onClick={() => void context.app.commands.execute('nbops:open-run', { run })}
    >
      {(!isShort && text(name, 80)) || short(run)}
    </button>
  );
}

export function OutputButton(props: {
  run: string;
  name: string;
  opened: IOpened;
  context: IContext;
}): React.ReactElement {
  const { run, name, opened, context } = props;
  const { trans } = context;
  const isOpen = opened.run === run;
  return (
    <button
      className="nbops-Button"
      aria-expanded={isOpen}
      aria-label={trans.__('Output of %1', name)}
      onClick={() => opened.open(run)}
    >
      {isOpen ? trans.__('Hide') : trans.__('Output')}
    </button>
  );
}

/** The last lines of a run, asked for again when something has been written; of a failed one the traceback. */
export function Output(props: { run: string; answer: unknown; context: IContext }): React.ReactElement {
  const { run, answer, context } = props;
  const { client, project, trans } = context;
  const [tail, setTail] = React.useState<Tail | null>(null);
  const [problem, setProblem] = React.useState<string | null>(null);
  React.useEffect(() => {
    const asked = new AbortController();
    client.call('tail', { run, lines: 40 }, { project: project.path, signal: asked.signal }).then(
      found => {
        setTail(found);
        setProblem(null);
      },
      error => asked.signal.aborted || setProblem(asProblem(error).detail)
    );
    return () => asked.abort();
  }, [run, answer, client, project.path]);
  if (problem !== null) {
    return <Empty>{problem}</Empty>;
  }
  if (tail === null) {
    return <Empty>{trans.__('Reading…')}</Empty>;
  }
  const { error } = tail.run;
  return (
    <div className="nbops-Output">
      {tail.text === '' ? (
        <Empty>{trans.__('Nothing printed yet.')}</Empty>
      ) : (
        <Code label={trans.__('Last lines')} text={tail.text} />
      )}
      {error && (
        <Code
          kind="error"
          label={trans.__('Error')}
          text={error.traceback || `${error.name}: ${error.message}`}
        />
      )}
    </div>
  );
}
