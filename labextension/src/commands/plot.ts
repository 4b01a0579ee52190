import { act } from '../act';
import { IContext } from '../tokens';
import { textArgs, textOf } from './arguments';
import { ICommand, meant } from './command';

/** What can be drawn. */
const DRAWN = ['run', 'sweep', 'endpoint', 'model'] as const;

/** Draw a run, sweep, model or endpoint; its document shows the pictures when they are there. */
export function drawPlots(context: IContext): ICommand {
  const { trans } = context;
  return {
    id: 'nbops:draw-plots',
    describedBy: textArgs({
      id: trans.__('A run, sweep or endpoint, or a model version such as churn@3'),
      data: trans.__('For a model: a file with rows that it was not trained on'),
      target: trans.__('The column of them with the truth')
    }),
    execute: async args => {
      const { data, target } = args;
      const id = DRAWN.map(noun => meant(context, args, 'id', noun)).find(Boolean);
      if (id === undefined) {
        return;
      }
      const isAsked = id.includes('@') && data === undefined;
      const rows = isAsked ? await askRows(context, id) : { data: textOf(data), target: textOf(target) };
      if (rows !== null) {
        await act(
          context,
          'plot',
          { ids: [id], data: rows.data || undefined, target: rows.target || undefined },
          {
            doing: trans.__('Drawing %1', id),
            done: drawn =>
              [
                trans.__('Drawn: %1', drawn.of),
                ...Object.entries(drawn.left_out).map(([kind, why]) => `${kind}: ${why}`)
              ].join('\n')
          }
        );
      }
    }
  };
}

async function askRows({ trans }: IContext, model: string): Promise<{ data: string; target: string } | null> {
  const { askForm } = await import('../parts/form');
  const answers = await askForm(trans, {
    title: trans.__('Draw %1', model),
    accept: trans.__('Draw'),
    note: trans.__('Curves need rows that the model was not trained on, and their truth.'),
    fields: [
      {
        name: 'data',
        label: trans.__('File with rows'),
        placeholder: 'data/test.parquet',
        help: trans.__('Without one only what its own sample tells is drawn')
      },
      { name: 'target', label: trans.__('Column with the truth') }
    ]
  });
  return answers && { data: answers.data, target: answers.target };
}
