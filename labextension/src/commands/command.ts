import { CommandRegistry } from '@lumino/commands';
import { ReadonlyJSONObject } from '@lumino/coreutils';

import { IContext } from '../tokens';

/** One command of the application. */
export interface ICommand extends CommandRegistry.ICommandOptions {
  id: string;
  /** Whether it makes sense without being told on what, so that the palette lists it. */
  inPalette?: boolean;
}

/** Describe arguments that are all text. */
export function textArgs(properties: { [name: string]: string }): { args: ReadonlyJSONObject } {
  return {
    args: {
      type: 'object',
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, description]) => [name, { type: 'string', description }])
      )
    }
  };
}

/** What the arguments say, else the row that the context menu was opened on. */
export function meant(
  context: IContext,
  args: { readonly [name: string]: unknown },
  name: string,
  attribute: string
): string | undefined {
  const given = args[name];
  if (typeof given === 'string' && given) {
    return given;
  }
  const row = context.app.contextMenuHitTest(node => node.hasAttribute(`data-nbops-${attribute}`));
  return row?.getAttribute(`data-nbops-${attribute}`) || undefined;
}
