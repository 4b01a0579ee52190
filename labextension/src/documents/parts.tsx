import { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import * as React from 'react';

import { number, text, visible } from '../format';
import { IContext } from '../tokens';

/** A command of the application as a button. */
export interface IAction {
  label: string;
  command: string;
  args: ReadonlyPartialJSONObject;
  isPrimary?: boolean;
}

/** What can be done with the thing that a document is about; null stands for what cannot be done just now. */
export function Actions(props: {
  context: IContext;
  actions: ReadonlyArray<IAction | null>;
}): React.ReactElement {
  const { commands } = props.context.app;
  return (
    <div className="nbops-Actions" role="group" aria-label={props.context.trans.__('Actions')}>
      {props.actions.map(
        action =>
          action && (
            <button
              key={action.command}
              className={`nbops-Button ${action.isPrimary ? 'nbops-mod-primary' : ''}`}
              title={commands.caption(action.command, action.args)}
              onClick={() => void commands.execute(action.command, action.args)}
            >
              {action.label}
            </button>
          )
      )}
    </div>
  );
}

/** A titled block of a document. */
export function Block(props: {
  title: string;
  aside?: React.ReactNode;
  children: React.ReactNode;
  isWide?: boolean;
}): React.ReactElement {
  const id = React.useId();
  return (
    <section className={`nbops-Block ${props.isWide ? 'nbops-mod-wide' : ''}`} aria-labelledby={id}>
      <div className="nbops-Block-head">
        <h2 id={id}>{props.title}</h2>
        {props.aside}
      </div>
      {props.children}
    </section>
  );
}

/** Names with their values, as a list that screen readers can walk. */
export function Facts(props: {
  facts: ReadonlyArray<readonly [string, React.ReactNode]>;
}): React.ReactElement {
  return (
    <dl className="nbops-Facts">
      {props.facts
        .filter(([, value]) => value !== null && value !== undefined && value !== '')
        .map(([name, value]) => (
          <div key={name} className="nbops-Facts-pair">
            <dt>{text(name, 200)}</dt>
            <dd>{typeof value === 'string' ? text(value, 1000) : value}</dd>
          </div>
        ))}
    </dl>
  );
}

/** Values by name, such as parameters. */
export function Values(props: { values: { [name: string]: unknown } }): React.ReactElement {
  return (
    <Facts facts={Object.entries(props.values).map(([name, value]) => [name, text(number(value), 400)])} />
  );
}

/** More letters than these make a page slow, and nobody reads them there. */
const MOST_LETTERS = 100_000;

/** Source or output, as it is. */
export function Code(props: { text: string; label: string; kind?: 'error' | 'diff' }): React.ReactElement {
  const shown = props.text.length > MOST_LETTERS ? `${props.text.slice(0, MOST_LETTERS)}\n…` : props.text;
  const lines = props.kind === 'diff' ? shown.split('\n') : null;
  return (
    <pre
      className={`nbops-Code ${props.kind === 'error' ? 'nbops-mod-error' : ''}`}
      tabIndex={0}
      aria-label={props.label}
    >
      {lines
        ? lines.map((line, index) => <DiffLine key={index} line={line} />)
        : visible(withoutColours(shown))}
    </pre>
  );
}

function DiffLine(props: { line: string }): React.ReactElement {
  const { line } = props;
  const kind = /^(\+\+\+|---)/.test(line)
    ? 'file'
    : line.startsWith('+')
      ? 'added'
      : line.startsWith('-')
        ? 'removed'
        : line.startsWith('@@')
          ? 'place'
          : '';
  return <span className={`nbops-Diff ${kind && `nbops-mod-${kind}`}`}>{visible(line) + '\n'}</span>;
}

/** Terminal colours say nothing in a page. */
export function withoutColours(written: string): string {
  // eslint-disable-next-line no-control-regex
  return written.replace(/\u001b\[[0-9;]*[A-Za-z]/g, '');
}

export function Empty(props: { children: React.ReactNode }): React.ReactElement {
  return <p className="nbops-Empty">{props.children}</p>;
}
