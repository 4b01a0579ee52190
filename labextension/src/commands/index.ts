import { ICommandPalette } from '@jupyterlab/apputils';
import { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { NbopsPanel } from '../panel';
import { IContext } from '../tokens';
import { ICommand, meant } from './command';
import { openPanel } from './open-panel';
import { searchRuns } from './search-runs';
import { commandTable } from './table';

/** Commands that no row stands for: who calls them says what about. */
const WITH_ARGUMENTS = ['nbops:open-file'];

/** Register the commands, and list them in the palette: without arguments they act on what somebody stands on. */
export function addCommands(context: IContext, panel: NbopsPanel, palette: ICommandPalette | null): void {
  const { commands } = context.app;
  const category = context.trans.__('nbops');
  let known: Promise<Map<string, ICommand>> | null = null;
  const doing = async (id: string): Promise<ICommand> => {
    known ??= import('./doing').then(module => module.doing(context, panel));
    return (await known).get(id) as ICommand;
  };
  let captions: { [id: string]: string } | null = null;
  const captionOf = (id: string): string => {
    if (captions === null) {
      captions = {};
      void import('./captions').then(({ captionsOf }) => {
        captions = captionsOf(context.trans);
        commands.notifyCommandChanged();
      });
    }
    return captions[id] ?? '';
  };
  const add = (id: string, options: Parameters<typeof commands.addCommand>[1]) => {
    commands.addCommand(id, { caption: () => captionOf(id), ...options });
    if (!WITH_ARGUMENTS.includes(id)) {
      palette?.addItem({ command: id, category });
    }
  };

  // These are about the panel itself, and what is typed right after them must find its place.
  for (const { id, ...options } of [openPanel(context, panel), searchRuns(context, panel)]) {
    add(id, options);
  }
  for (const { id, on, named, ...words } of commandTable(context)) {
    const about = (args: ReadonlyPartialJSONObject) =>
      on?.map(noun => meant(context, args, named ?? noun, noun)).find(Boolean);
    add(id, {
      isEnabled: args => on === undefined || about(args) !== undefined,
      ...words,
      describedBy: async () => (await doing(id)).describedBy,
      execute: async args => {
        // Asked at once: the palette gives the focus back, perhaps to something else, while the code is fetched.
        const found = about(args);
        const name = named ?? on?.find(noun => meant(context, args, noun, noun) === found);
        const known = found === undefined || name === undefined ? args : { ...args, [name]: found };
        return (await doing(id)).execute(known);
      }
    });
  }
}
