import { IContext } from '../tokens';
import { ICommand } from './command';

export function compareRuns(context: IContext): ICommand {
  const { selection, trans } = context;
  const runsOf = (args: { readonly [name: string]: unknown }): string[] =>
    Array.isArray(args.runs) ? args.runs.map(String) : [...selection.marked];
  return {
    id: 'nbops:compare-runs',
    describedBy: {
      args: {
        type: 'object',
        properties: {
          runs: {
            type: 'array',
            items: { type: 'string' },
            description: trans.__('Ids of two or more runs; the marked ones when not given')
          }
        }
      }
    },
    execute: async args => {
      const { openComparison } = await import('../documents');
      openComparison(context, runsOf(args));
    }
  };
}
