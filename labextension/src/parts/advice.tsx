import { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { counted } from '../counted';
import { text } from '../format';
import { Problem, ProgressTold } from '../schema';

/** What to do where there is nothing to show. */
export function Advice(props: {
  title: string;
  text?: string;
  code?: string | null;
  children?: React.ReactNode;
}): React.ReactElement {
  return (
    <div className="nbops-Advice">
      <div className="nbops-Advice-title">{props.title}</div>
      {props.text && <div className="nbops-Advice-text">{props.text}</div>}
      {props.code && <code className="nbops-Advice-code">{props.code}</code>}
      {props.children}
    </div>
  );
}

/** Why something cannot be shown, and the cure. */
export function ProblemAdvice(props: {
  problem: Problem;
  trans: TranslationBundle;
  children?: React.ReactNode;
}): React.ReactElement {
  const { problem, trans } = props;
  switch (problem.code) {
    case 'no_store':
      return (
        <Advice
          title={trans.__('Nothing recorded yet')}
          text={trans.__(
            'Put this into a cell of a notebook and run it. Every cell you run then appears here.'
          )}
          code="%load_ext nbops"
        />
      );
    case 'server_missing':
      return (
        <Advice
          title={trans.__('The server part of nbops is missing')}
          text={trans.__(
            'The panel is installed, but the Jupyter server does not know nbops. Install it into the environment that runs the server, then restart the server.'
          )}
          code="pip install nbops && jupyter server extension enable nbops.rest"
        />
      );
    case 'unreachable':
      return (
        <Advice
          title={trans.__('The server does not answer')}
          text={trans.__('The panel goes on as soon as it is back. Nothing that was recorded is lost.')}
        />
      );
    default:
      return (
        <div role="alert">
          <Advice title={titleOf(problem, trans)} text={problem.detail} code={problem.hint}>
            {props.children}
          </Advice>
        </div>
      );
  }
}

/** The server names refusals in the words of HTTP, which are no one's language. */
function titleOf({ status }: Problem, trans: TranslationBundle): string {
  switch (status) {
    case 400:
      return trans.__('That was not understood');
    case 403:
      return trans.__('You may not do that here');
    case 404:
      return trans.__('It is not there');
    case 409:
      return trans.__('That cannot be done now');
    default:
      return trans.__('Something went wrong');
  }
}

/** Something is on its way; what takes long says where it stands, and can be cancelled. */
export function Waiting(props: {
  trans: TranslationBundle;
  told?: ProgressTold | null;
  onCancel?(): void;
}): React.ReactElement {
  const { trans, told } = props;
  if (told) {
    return (
      <div className="nbops-Advice" role="status">
        <div className="nbops-Advice-title">{told.title}</div>
        <progress aria-label={told.title} {...(told.total ? { max: told.total, value: told.done } : {})} />
        <div className="nbops-Advice-text">
          {[counted(told), text(told.note, 80)].filter(Boolean).join(' · ')}
        </div>
        <button className="nbops-Button" onClick={props.onCancel}>
          {trans.__('Cancel')}
        </button>
      </div>
    );
  }
  return (
    <div className="nbops-Waiting" role="status">
      <span className="nbops-visuallyHidden">{trans.__('Loading')}</span>
      {[0, 1, 2].map(row => (
        <div key={row} className="nbops-Skeleton" />
      ))}
    </div>
  );
}
