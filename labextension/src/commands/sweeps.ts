import { act } from '../act';
import { text } from '../format';
import { NbopsPanel } from '../panel';
import { statusWords } from '../parts/words';
import { IContext } from '../tokens';
import { commandOn, textArgs } from './arguments';
import { ICommand, meant } from './command';

const about = (context: IContext) => context.trans.__('Id of the sweep');

export function openSweep(context: IContext): ICommand {
  return commandOn(context, 'sweep', {
    id: 'nbops:open-sweep',
    about: about(context),
    execute: async sweep => (await import('../documents')).openSweepDocument(context, sweep)
  });
}

export function listSweepRuns(context: IContext, panel: NbopsPanel): ICommand {
  return commandOn(context, 'sweep', {
    id: 'nbops:list-sweep-runs',
    about: about(context),
    execute: sweep => {
      void panel.reveal('runs');
      context.selection.ask(`sweep_id = "${sweep}"`);
    }
  });
}

export function resumeSweep(context: IContext): ICommand {
  const { trans } = context;
  return commandOn(context, 'sweep', {
    id: 'nbops:resume-sweep',
    about: about(context),
    execute: sweep =>
      act(
        context,
        'resume',
        { sweep },
        {
          doing: trans.__('Resuming the sweep'),
          done: resumed => trans.__('%1 is %2', text(resumed.name, 60), statusWords(resumed.status, trans))
        }
      )
  });
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
          { doing: trans.__('Cancelling'), done: () => trans.__('Cancelled') }
        );
      }
    }
  };
}
