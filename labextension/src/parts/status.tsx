import { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { statusWords } from './words';

type Look = 'running' | 'good' | 'bad' | 'stopped' | 'quiet';

const LOOKS: { [status: string]: Look } = {
  running: 'running',
  starting: 'running',
  finished: 'good',
  ok: 'good',
  ready: 'good',
  up: 'good',
  passed: 'good',
  stable: 'good',
  equal: 'good',
  'within tolerance': 'good',
  different: 'bad',
  missing: 'bad',
  failed: 'bad',
  error: 'bad',
  invalid: 'bad',
  down: 'bad',
  drifted: 'bad',
  interrupted: 'stopped',
  cancelled: 'stopped',
  exited: 'stopped',
  stopped: 'quiet'
};

// Told apart by shape as well as by colour.
const SHAPES: { [look in Look]: React.ReactElement } = {
  running: <circle cx="8" cy="8" r="5" fill="none" strokeWidth="2" strokeDasharray="22 10" />,
  good: (
    <path d="M3.500 8.500l3 3 6-7" fill="none" strokeWidth="2" strokeLinecap="round" strokeLinejoin="round" />
  ),
  bad: <path d="M4.500 4.500l7 7m0-7l-7 7" fill="none" strokeWidth="2" strokeLinecap="round" />,
  stopped: <path d="M5 5h6v6H5z" strokeWidth="1" strokeLinejoin="round" />,
  quiet: <circle cx="8" cy="8" r="2.500" strokeWidth="1" />
};

/** A status as a mark. Its text belongs into the row's own name, so it is hidden from screen readers. */
export function StatusMark(props: { status: string; trans: TranslationBundle }): React.ReactElement {
  const look = LOOKS[props.status] ?? 'quiet';
  return (
    <svg
      className={`nbops-Status nbops-mod-${look}`}
      viewBox="0 0 16 16"
      width="16"
      height="16"
      aria-hidden="true"
      focusable="false"
    >
      <title>{statusWords(props.status, props.trans)}</title>
      {SHAPES[look]}
    </svg>
  );
}

/** A status as a word on a tinted ground. */
export function StatusWord(props: { status: string; trans: TranslationBundle }): React.ReactElement {
  const look = LOOKS[props.status] ?? 'quiet';
  return (
    <span className={`nbops-StatusWord nbops-mod-${look}`}>
      <StatusMark {...props} />
      {statusWords(props.status, props.trans)}
    </span>
  );
}
