import { ReadonlyJSONObject } from '@lumino/coreutils';

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
