import * as React from 'react';

import { statusWords } from '../parts/words';
import { Trust } from '../schema';
import { IContext } from '../tokens';

/** Whether a result can be taken as it stands, and why not; opens what it stands on. Nothing where nobody can say. */
export function TrustMark(props: {
  trust?: Trust;
  /** The result, as lineage takes it. */
  of: { id: string; metric?: string };
  context: IContext;
}): React.ReactElement | null {
  const { trust, of, context } = props;
  if (!trust) {
    return null;
  }
  const word = statusWords(trust.verdict, context.trans);
  return (
    <button
      className={`nbops-Chip ${trust.verdict === 'tainted' ? 'nbops-mod-warn' : 'nbops-mod-good'}`}
      title={[...trust.reasons, context.trans.__('Press to see what it stands on')].join('\n')}
      aria-label={[word, ...trust.reasons].join(', ')}
      onClick={() => void context.app.commands.execute('nbops:open-lineage', of)}
    >
      {word}
    </button>
  );
}
