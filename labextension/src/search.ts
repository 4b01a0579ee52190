/** Words that only an expression has. */
const OPERATORS = /[=<>~]|\bin\s*\(/;

/**
 * What a person types as an expression of the store: expressions go as they are, anything else is searched in names.
 *
 * Returns undefined for nothing.
 */
export function expressionOf(typed: string): string | undefined {
  const trimmed = typed.trim();
  if (!trimmed) {
    return undefined;
  }
  if (OPERATORS.test(trimmed)) {
    return trimmed;
  }
  return trimmed
    .split(/\s+/)
    .map(word => `(name ~ ${quoted(word)} or notebook ~ ${quoted(word)} or note ~ ${quoted(word)})`)
    .join(' and ');
}

function quoted(word: string): string {
  return `"${word.replace(/\\/g, '\\\\').replace(/"/g, '\\"')}"`;
}
