import { CommandRegistry } from '@lumino/commands';
import { ReadonlyJSONObject } from '@lumino/coreutils';

import { Noun } from '../standpoint';
import { IContext } from '../tokens';
import type { CommandId } from './captions';

/** What is known of a command before it is run for the first time. */
export interface ICommandWords extends Pick<
  CommandRegistry.ICommandOptions,
  'label' | 'icon' | 'isEnabled' | 'isVisible'
> {
  id: CommandId;
  /** What it acts on: rows and documents of these kinds; it is enabled where somebody stands on one. */
  on?: ReadonlyArray<Noun>;
  /** The argument that says on which; the noun itself when not given. */
  named?: string;
}

/** What a command does, and what it takes. */
export interface ICommand extends Pick<CommandRegistry.ICommandOptions, 'execute'> {
  id: string;
  describedBy: { args: ReadonlyJSONObject };
}

/** What the arguments say, else what somebody stands on. */
export function meant(
  context: IContext,
  args: { readonly [name: string]: unknown },
  name: string,
  noun: Noun
): string | undefined {
  const given = args[name];
  return typeof given === 'string' && given ? given : context.standpoint.of(noun);
}

/** The row that is meant; all marked ones when it is one of them, or when none is meant. */
export function meantRuns(context: IContext, args: { readonly [name: string]: unknown }): string[] {
  const { selection } = context;
  const run = meant(context, args, 'run', 'run');
  return run === undefined || selection.isMarked(run) ? [...selection.marked] : [run];
}

/** The path of the notebook that arguments name, else of the one somebody works in. */
export function meantNotebook(
  { app, notebooks }: IContext,
  args: { readonly [name: string]: unknown }
): string | undefined {
  const path = notebooks?.currentWidget?.context.path;
  const active = path === undefined ? undefined : app.serviceManager.contents.localPath(path);
  return typeof args.notebook === 'string' ? args.notebook : active;
}
