import { act } from '../act';
import { IContext } from '../tokens';
import { commandOn, textOf } from './arguments';
import { ICommand } from './command';

export function promoteModel(context: IContext): ICommand {
  const { trans } = context;
  return commandOn(context, 'model', {
    id: 'nbops:promote-model',
    about: trans.__('The model version, such as churn@3'),
    args: { alias: trans.__('The alias, such as production') },
    execute: async (model, args) => {
      const alias = textOf(args.alias) || (await askAlias(trans, trans.__('Promote %1', model)));
      if (alias) {
        await act(
          context,
          'promote',
          { model, alias },
          {
            doing: trans.__('Promoting %1', model),
            done: () => trans.__('%1 is now %2', model, alias)
          }
        );
      }
    }
  });
}

export function promoteBest(context: IContext): ICommand {
  const { trans } = context;
  return commandOn(context, 'sweep', {
    id: 'nbops:promote-best',
    about: trans.__('Id of the sweep'),
    args: { alias: trans.__('The alias, such as production') },
    execute: async (sweep, args) => {
      const alias = textOf(args.alias) || (await askAlias(trans, trans.__('Promote the best of the sweep')));
      if (alias) {
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
  });
}

async function askAlias(trans: IContext['trans'], title: string): Promise<string | undefined> {
  const { askForm } = await import('../parts/form');
  const answers = await askForm(trans, {
    title,
    accept: trans.__('Promote'),
    fields: [
      {
        name: 'alias',
        isRequired: true,
        label: trans.__('Alias'),
        value: 'production',
        help: trans.__('Another version that has it loses it')
      }
    ]
  });
  return answers?.alias;
}
