import { nullTranslator } from '@jupyterlab/translation';
import { describe, expect, it } from 'vitest';

import { definitionsOf } from '../src/definitions';
import { words } from '../src/kernel';
import { Parameter } from '../src/schema';
import { scheduleFields, scheduleWish } from '../src/schedule';
import { plan } from '../src/sweep';

const parameter = (name: string, type: Parameter['type'], more: Partial<Parameter> = {}): Parameter =>
  ({
    name,
    type,
    low: null,
    high: null,
    choices: null,
    is_optional: false,
    default: null,
    ...more
  }) as Parameter;

describe('a sweep form', () => {
  const known = [
    parameter('depth', 'int', { low: 1, high: 16 }),
    parameter('lr', 'float'),
    parameter('kind', 'str', { choices: ['gini', 'entropy'] }),
    parameter('columns', 'list')
  ];

  it('runs once with nothing filled in', () => {
    expect(plan(known, {})).toEqual({
      param: {},
      grid: {},
      search: [],
      trials: null,
      runs: 1,
      problem: null
    });
  });

  it('takes one value as fixed and several as a grid', () => {
    expect(plan(known, { depth: '2, 4,8', lr: '0.1,1e-3', kind: 'gini' })).toEqual({
      param: { kind: 'gini' },
      grid: { depth: '2,4,8', lr: '0.1,1e-3' },
      search: [],
      trials: null,
      runs: 6,
      problem: null
    });
  });

  it('searches ranges and several values with a number of trials', () => {
    expect(plan(known, { depth: '1..16', lr: '1e-4..1 log', kind: 'gini,entropy' }, '30')).toEqual({
      param: {},
      grid: {},
      search: ['depth=1..16', 'lr=1e-4..1 log', 'kind=gini,entropy'],
      trials: 30,
      runs: 30,
      problem: null
    });
  });

  it('asks for the number of trials of a range', () =>
    expect(plan(known, { depth: '1..16' }).problem).toBe('depth: 1..16 (trials?)'));

  it.each(['0', 'many', '1.5'])('refuses %s trials', trials =>
    expect(plan(known, {}, trials).problem).toBe(`trials: ${trials} (int)`)
  );

  it('leaves lists whole', () =>
    expect(plan(known, { columns: '[1, 2]' }).param).toEqual({ columns: '[1, 2]' }));

  it.each([
    [{ depth: '17' }, 'depth: 17 (int)'],
    [{ depth: '1.5' }, 'depth: 1.5 (int)'],
    [{ lr: 'fast' }, 'lr: fast (float)'],
    [{ kind: 'other' }, 'kind: other (str)']
  ])('refuses %j', (typed, problem) => expect(plan(known, typed as never).problem).toBe(problem));
});

describe('a schedule form', () => {
  const known = [parameter('depth', 'int', { low: 1, high: 16, default: 3 }), parameter('name', 'str')];
  const trans = nullTranslator.load('nbops');
  const answers = (given: { [name: string]: string }) => ({
    ...Object.fromEntries(scheduleFields(known, {}, trans).map(({ name, value }) => [name, value ?? ''])),
    ...given
  });

  it('asks for times, conditions, parameters, and the rest below', () => {
    const fields = scheduleFields(known, {}, trans);
    expect(fields.map(({ name, isAdvanced }) => (isAdvanced ? `(${name})` : name))).toEqual([
      'cron',
      'new-data',
      'model-age',
      'metric',
      'parameter depth',
      'parameter name',
      '(name)',
      '(retries)',
      '(timeout)',
      '(notify)'
    ]);
    expect(fields[4]).toMatchObject({ label: 'depth (int)', placeholder: '3', help: '1..16' });
  });

  it('proposes what was answered before', () =>
    expect(scheduleFields(known, { cron: '', metric: 'auc<1' }, trans).map(({ value }) => value)).toEqual([
      '',
      undefined,
      undefined,
      'auc<1',
      undefined,
      undefined,
      undefined,
      '0',
      '',
      undefined
    ]));

  it('wishes for a time alone as it opens', () =>
    expect(scheduleWish('a.ipynb', answers({}))).toEqual({
      notebook: 'a.ipynb',
      cron: '0 3 * * *',
      when: [],
      param: {},
      retries: 0,
      notify: []
    }));

  it('wishes for everything that was answered', () =>
    expect(
      scheduleWish(
        'a.ipynb',
        answers({
          cron: '',
          'new-data': 'data/*.csv',
          'model-age': 'churn@production>30d',
          metric: 'auc<0.9',
          'parameter depth': '4',
          'parameter name': 'a b',
          name: 'nightly',
          retries: '2',
          timeout: '3600',
          notify: 'team, ops'
        })
      )
    ).toEqual({
      notebook: 'a.ipynb',
      when: ['new-data:data/*.csv', 'model-age:churn@production>30d', 'metric:auc<0.9'],
      param: { depth: '4', name: 'a b' },
      name: 'nightly',
      retries: 2,
      timeout: 3600,
      notify: ['team', 'ops']
    }));
});

it('finds definitions at the top level only', () => {
  expect(
    definitionsOf('import a\ndef one():\n    def inner(): ...\nclass Two: ...\nasync def three(): ...')
  ).toEqual(['one', 'Two', 'three']);
});

it('lets no word of a line become another', () => {
  expect(words('clean', 'pkg.module', "a'; rm -rf", '$(x)')).toBe(`clean pkg.module 'a'"'"'; rm -rf' '$(x)'`);
});
