import { refreshIcon } from '@jupyterlab/ui-components';

import { IContext } from '../tokens';
import { ICommand } from './command';

export function refresh({ project, trans }: IContext): ICommand {
  return {
    id: 'nbops:refresh',
    label: trans.__('Ask the Store Again'),
    caption: trans.__('Ask for everything again'),
    icon: refreshIcon,
    inPalette: true,
    describedBy: { args: { type: 'object', properties: {} } },
    execute: () => project.refresh()
  };
}
