import { describe, expect, it } from 'vitest';

import { linkOf } from '../src/links';

describe('a link from a notice', () => {
  it('names a run and the folder of its project', () => {
    expect(linkOf('/lab/tree/work/churn%20two', '?nbops-run=0198ab')).toEqual({
      noun: 'run',
      id: '0198ab',
      folder: 'work/churn two',
      rest: '/lab/tree/work/churn%20two'
    });
  });

  it('leaves other questions of the address alone', () => {
    expect(linkOf('/lab', '?token=x&nbops-sweep=01', '#here')).toEqual({
      noun: 'sweep',
      id: '01',
      folder: null,
      rest: '/lab?token=x#here'
    });
  });

  it('means the folder of a notebook', () => {
    expect(linkOf('/lab/tree/churn/train.ipynb', '?nbops-run=01')?.folder).toBe('churn');
    expect(linkOf('/lab/tree/train.ipynb', '?nbops-run=01')?.folder).toBe('');
  });

  it('is nothing else', () => {
    expect(linkOf('/lab', '?nbops-run=<script>')).toBeNull();
    expect(linkOf('/lab', '?run=01')).toBeNull();
  });
});
