import { runIcon } from '@jupyterlab/ui-components';

import { IContext } from '../tokens';
import { ICommand, textArgs } from './command';

export function retrainNotebook(context: IContext): ICommand {
  const { app, notebooks, trans } = context;
  const active = () => {
    const path = notebooks?.currentWidget?.context.path;
    return path === undefined ? undefined : app.serviceManager.contents.localPath(path);
  };
  return {
    id: 'nbops:retrain-notebook',
    label: trans.__('Retrain with Other Parameters…'),
    caption: trans.__('Run this notebook with other parameters, once or over a grid'),
    icon: runIcon,
    inPalette: true,
    describedBy: textArgs({ notebook: trans.__('Path of the notebook; the active one when not given') }),
    isEnabled: args => typeof args.notebook === 'string' || active() !== undefined,
    execute: async args => {
      const notebook = typeof args.notebook === 'string' ? args.notebook : active();
      if (notebook !== undefined) {
        await notebooks?.currentWidget?.context.save();
        const { openSweepForm } = await import('../documents');
        openSweepForm(context, notebook);
      }
    }
  };
}
