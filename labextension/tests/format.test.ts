import { describe, expect, it } from 'vitest';

import { ago, codeLines, duration, firstLine, number, size, spoken, text, visible } from '../src/format';

const trans = {
  __: (message: string, ...values: unknown[]) =>
    message.replace(/%(\d)/g, (_, place) => String(values[place - 1]))
} as never;

describe('numbers', () => {
  it.each([
    [0.1 + 0.2, '0.3'],
    [0.973456789, '0.97346'],
    [1e-9, '1e-9'],
    [1.23456789e-9, '1.2346e-9'],
    [0, '0'],
    [Number.NaN, 'NaN'],
    [Number.POSITIVE_INFINITY, '∞'],
    [true, 'true'],
    ['adam', 'adam'],
    [null, '']
  ])('%s is written %s', (value, written) => expect(number(value)).toBe(written));
});

describe('durations', () => {
  it.each([
    [0.0002, '1 ms'],
    [0.02, '20 ms'],
    [1.26, '1.3 s'],
    [59.9, '60 s'],
    [61, '1 min 1 s'],
    [3600, '1 h 0 min'],
    [7260, '2 h 1 min'],
    [2 * 86400 + 3 * 3600 + 60, '2 d 3 h'],
    [47.9 * 3600, '47 h 54 min']
  ])('%s s is written %s', (seconds, written) => expect(duration(seconds)).toBe(written));
});

describe('ages', () => {
  it.each([
    [3, 'now'],
    [42, '42 s'],
    [120, '2 min'],
    [7200, '2 h'],
    [200_000, '2 d'],
    [-5, 'now']
  ])('%s s ago is written %s', (age, written) => expect(ago(1e9, 1e9 + age, trans)).toBe(written));
});

describe('text', () => {
  it('stays on one line and within its length', () => {
    expect(text('a\n\n  b\tc')).toBe('a b c');
    expect(text('x'.repeat(1_000_000), 10)).toBe('xxxxxxxxx…');
  });

  it('keeps markup as text', () => expect(text('<img src=x>')).toBe('<img src=x>'));

  it('shows where control characters were', () => expect(text('a\u0000b\u202ec')).toBe('a\ufffdb\ufffdc'));

  it('keeps the lines of a source', () => expect(visible('a\n\tb\u202e')).toBe('a\n\tb\ufffd'));

  it('writes objects as JSON', () => expect(text({ a: [1] })).toBe('{"a":[1]}'));
});

describe('a cell in a list', () => {
  it('shows the first lines that say something', () => {
    expect(codeLines('\n\n  import nbops\n\nx = 1\ny = 2')).toEqual(['import nbops', 'x = 1']);
    expect(firstLine('x = 1\ny = 2')).toBe('x = 1 …');
    expect(firstLine('x = 1')).toBe('x = 1');
    expect(firstLine('')).toBe('');
  });
});

it.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1 kB'],
  [1_234_567, '1.23 MB']
])('%s bytes are written %s', (bytes, written) => expect(size(bytes)).toBe(written));

describe('what a cell said', () => {
  it('is told without the stand-ins of what it displayed', () =>
    expect(spoken('<Figure size 640x480 with 1 Axes>\nfit 3 of 3\n<IPython.core.display.HTML object>')).toBe(
      'fit 3 of 3'
    ));

  it('keeps what a person printed', () =>
    expect(spoken('<b>bold</b>\n<Figure of merit>')).toBe('<b>bold</b>\n<Figure of merit>'));
});
