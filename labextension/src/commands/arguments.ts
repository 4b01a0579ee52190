import { ReadonlyJSONObject, ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { Noun } from '../standpoint';
import { IContext } from '../tokens';
import { ICommand, meant } from './command';

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

/** A command about one thing: the one that its arguments name, else the one that somebody stands on. */
export function commandOn(
  context: IContext,
  noun: Noun,
  does: {
    id: string;
    /** What the argument that names the thing is. */
    about: string;
    /** Other arguments, all of them text. */
    args?: { [name: string]: string };
    execute(thing: string, args: ReadonlyPartialJSONObject): unknown;
  }
): ICommand {
  return {
    id: does.id,
    describedBy: textArgs({ [noun]: does.about, ...does.args }),
    execute: async args => {
      const thing = meant(context, args, noun, noun);
      if (thing !== undefined) {
        await does.execute(thing, args);
      }
    }
  };
}

/** An argument that is text; empty when it was not given. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
