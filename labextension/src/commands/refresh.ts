import { IContext } from '../tokens';
import { ICommand } from './command';

export function refresh({ project }: IContext): ICommand {
  return {
    id: 'nbops:refresh',
    describedBy: { args: { type: 'object', properties: {} } },
    execute: () => project.refresh()
  };
}
