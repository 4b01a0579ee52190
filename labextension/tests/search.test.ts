import { expect, it } from 'vitest';

import { expressionOf } from '../src/search';

it.each([
  ['', undefined],
  ['   ', undefined],
  ['metrics.accuracy > 0.9', 'metrics.accuracy > 0.9'],
  ['status = failed and name ~ "x"', 'status = failed and name ~ "x"'],
  ['status in (failed, cancelled)', 'status in (failed, cancelled)']
])('%j is asked as %j', (typed, asked) => expect(expressionOf(typed)).toBe(asked));

it('looks for words wherever a person would expect them', () => {
  expect(expressionOf('churn')).toBe('(name ~ "churn" or notebook ~ "churn" or note ~ "churn")');
  expect(expressionOf('train and test')?.split(' and ')).toHaveLength(3);
});

it('lets no word out of its quotes', () => {
  expect(expressionOf('a"b\\c')).toContain('name ~ "a\\"b\\\\c"');
});
