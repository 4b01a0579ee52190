import { act } from '../act';
import { text } from '../format';
import { IContext } from '../tokens';
import { textArgs } from './arguments';
import { ICommand, meant } from './command';

export function openSweep(context: IContext): ICommand {
  const { trans } = context;
  return {
    id: 'nbops:open-sweep',
    describedBy: textArgs({ sweep: trans.__('Id of the sweep') }),
    execute: async args => {
      const sweep = meant(context, args, 'sweep', 'sweep');
      if (sweep !== undefined) {
        const { openSweepDocument } = await import('../documents');
        openSweepDocument(context, sweep);
      }
    }
  };
}

export function listSweepRuns(context: IContext, panel: { reveal(id: string): void }): ICommand {
  const { trans } = context;
  return {
    id: 'nbops:list-sweep-runs',
    describedBy: textArgs({ sweep: trans.__('Id of the sweep') }),
    execute: async args => {
      const sweep = meant(context, args, 'sweep', 'sweep');
      if (sweep !== undefined) {
        void panel.reveal('runs');
        context.selection.ask(`sweep_id = "${sweep}"`);
      }
    }
  };
}

export function promoteBest(context: IContext): ICommand {
  const { trans } = context;
  return {
    id: 'nbops:promote-best',
    describedBy: textArgs({
      sweep: trans.__('Id of the sweep'),
      alias: trans.__('The alias, such as production')
    }),
    execute: async args => {
      const sweep = meant(context, args, 'sweep', 'sweep');
      const alias = typeof args.alias === 'string' ? args.alias : await askAlias(trans);
      if (sweep !== undefined && alias) {
        await act(
          context,
          'promote',
          { best: sweep, alias },
          {
            doing: trans.__('Promoting the best of the sweep'),
            done: model => trans.__('%1@%2 is now %3', model.name, model.aliases[alias], alias)
          }
        );
      }
    }
  };
}

async function askAlias(trans: IContext['trans']): Promise<string | undefined> {
  const { askForm } = await import('../parts/form');
  const answers = await askForm(trans, {
    title: trans.__('Promote the best of the sweep'),
    accept: trans.__('Promote'),
    fields: [
      {
        name: 'alias',
        label: trans.__('Alias'),
        value: 'production',
        help: trans.__('Another version that has it loses it')
      }
    ]
  });
  return answers?.alias;
}

export function resumeSweep(context: IContext): ICommand {
  const { trans } = context;
  return {
    id: 'nbops:resume-sweep',
    describedBy: textArgs({ sweep: trans.__('Id of the sweep') }),
    execute: async args => {
      const sweep = meant(context, args, 'sweep', 'sweep');
      if (sweep !== undefined) {
        await act(
          context,
          'resume',
          { sweep },
          {
            doing: trans.__('Resuming the sweep'),
            done: resumed => trans.__('%1 is %2', text(resumed.name, 60), resumed.status)
          }
        );
      }
    }
  };
}

export function cancel(context: IContext): ICommand {
  const { trans } = context;
  return {
    id: 'nbops:cancel',
    describedBy: textArgs({ id: trans.__('Id of the sweep or run') }),
    execute: async args => {
      const id = meant(context, args, 'id', 'sweep') ?? meant(context, args, 'id', 'run');
      if (id !== undefined) {
        await act(
          context,
          'cancel',
          { id },
          {
            doing: trans.__('Cancelling'),
            done: () => trans.__('Cancelled')
          }
        );
      }
    }
  };
}
