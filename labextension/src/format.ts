import { TranslationBundle } from '@jupyterlab/translation';

/** Write a number as people read it: at most `digits` significant ones, no float noise. */
export function number(value: unknown, digits = 5): string {
  if (typeof value !== 'number') {
    return text(value);
  }
  if (!Number.isFinite(value)) {
    return Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '−∞';
  }
  if (Number.isInteger(value) && Math.abs(value) < 1e15) {
    return value.toLocaleString();
  }
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-4 || size >= 1e9)
    ? Number(value.toPrecision(digits)).toExponential()
    : String(Number(value.toPrecision(digits)));
}

/** Show where characters are that would move the cursor or turn the reading direction around. */
export function visible(written: string): string {
  // Line ends and tabs are what they look like.
  return written.replace(/(?![\n\t])[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, '\ufffd');
}

/** Write any value on one line, cut to what a list can show. */
export function text(value: unknown, most = 200): string {
  const written =
    typeof value === 'string' ? value : value === undefined || value === null ? '' : JSON.stringify(value);
  // Of a megabyte only the part is looked at that could be shown.
  const part = written.slice(0, 10 * most);
  const line = visible(part.replace(/\s+/g, ' ')).trim();
  return line.length > most || part.length < written.trimEnd().length ? line.slice(0, most - 1) + '…' : line;
}

/** Write how long something took, in at most two units. */
export function duration(seconds: number): string {
  if (seconds < 0.0995) {
    return `${Math.max(1, Math.round(seconds * 1000))} ms`;
  }
  if (seconds < 59.95) {
    return `${seconds < 9.95 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  }
  const minutes = Math.round(seconds / 60);
  if (seconds < 3600 && minutes < 60) {
    return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  }
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Write how long ago something was, as short as a list needs it. */
export function ago(at: number, now: number, trans: TranslationBundle): string {
  const seconds = Math.max(0, now - at);
  if (seconds < 10) {
    return trans.__('now');
  }
  if (seconds < 60) {
    return trans.__('%1 s', Math.floor(seconds));
  }
  if (seconds < 3600) {
    return trans.__('%1 min', Math.floor(seconds / 60));
  }
  if (seconds < 86400) {
    return trans.__('%1 h', Math.floor(seconds / 3600));
  }
  if (seconds < 7 * 86400) {
    return trans.__('%1 d', Math.floor(seconds / 86400));
  }
  return new Date(at * 1000).toLocaleDateString(undefined, { month: 'short', day: 'numeric' });
}

/** Write a moment in full, in local time. */
export function moment(at: number | null): string {
  return at === null ? '' : new Date(at * 1000).toLocaleString();
}

/** Write a size in B, kB, MB or GB of 1000. */
export function size(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB'];
  let unit = 0;
  while (bytes >= 1000 && unit < units.length - 1) {
    bytes /= 1000;
    unit++;
  }
  return `${number(bytes, 3)} ${units[unit]}`;
}

/** The lines of a cell that say something, each on one line of a list. */
export function codeLines(source: string, most = 2): string[] {
  return source
    .split('\n', 400)
    .filter(line => line.trim())
    .slice(0, most)
    .map(line => text(line));
}

/** The first line of a cell that says something. */
export function firstLine(source: string): string {
  const [first, second] = codeLines(source);
  return (first ?? '') + (second === undefined ? '' : ' …');
}

/** What a cell said in words: without the lines that only stand in for something that was displayed. */
export function spoken(output: string): string {
  return output
    .split('\n')
    .filter(line => !/^<(?:IPython\.core\.display\.\w+ object|Figure size \S+ with \d+ Axes)>$/.test(line))
    .join('\n');
}

/** How many digits of an id are shown: 12 of its millisecond and one more. */
export function short(id: string): string {
  return id.slice(0, 13);
}
