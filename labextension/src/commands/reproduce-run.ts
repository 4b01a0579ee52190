import { act } from '../act';
import { short } from '../format';
import { Reproduction } from '../schema';
import { IContext } from '../tokens';
import { textArgs } from './arguments';
import { ICommand, meant } from './command';

export function reproduceRun(context: IContext): ICommand {
  const { trans } = context;
  return {
    id: 'nbops:reproduce-run',
    describedBy: textArgs({
      run: trans.__('Id of the run, or a model version such as churn@3'),
      metric: trans.__('Only what leads to this metric')
    }),
    execute: async args => {
      const run = meant(context, args, 'run', 'run') ?? meant(context, args, 'run', 'model');
      if (run !== undefined) {
        const metric = typeof args.metric === 'string' ? args.metric : undefined;
        await act(
          context,
          'reproduce',
          { id: run, metric },
          {
            doing: trans.__('Reproducing %1', run.includes('@') ? run : short(run)),
            done: made => said(made, context)
          }
        );
      }
    }
  };
}

function said(made: Reproduction, { trans }: IContext): string {
  if (made.verdict === 'equal' || made.verdict === 'within tolerance') {
    return trans.__('%1 came out %2', made.of, made.verdict);
  }
  const where = made.differs_in && trans.__('first in %1', made.differs_in);
  return [trans.__('%1: %2', made.of, made.verdict), where, made.causes[0]].filter(Boolean).join('\n');
}
