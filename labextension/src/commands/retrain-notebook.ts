import { IContext } from '../tokens';
import { textArgs } from './arguments';
import { ICommand, meantNotebook } from './command';

export function retrainNotebook(context: IContext): ICommand {
  const { notebooks, trans } = context;
  return {
    id: 'nbops:retrain-notebook',
    describedBy: textArgs({ notebook: trans.__('Path of the notebook; the active one when not given') }),
    execute: async args => {
      const notebook = meantNotebook(context, args);
      if (notebook !== undefined) {
        await notebooks?.currentWidget?.context.save();
        const { openSweepForm } = await import('../documents');
        openSweepForm(context, notebook);
      }
    }
  };
}
