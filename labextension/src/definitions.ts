const DEFINITION = /^(?:async\s+def|def|class)\s+([^\W\d]\w*)/gmu;

/** Names of functions and classes that a text defines at its top level, in order. */
export function definitionsOf(source: string): string[] {
  return [...source.matchAll(DEFINITION)].map(match => match[1]);
}
