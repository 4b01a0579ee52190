import { describe, expect, it } from 'vitest';

import { tellingParams } from '../src/telling';

describe('tellingParams', () => {
  it('names what differs between runs, also where some of them lack it', () => {
    const rows = [
      { params: { copy_X: true, depth: 2, seed: 1 } },
      { params: { copy_X: true, depth: 4 } },
      { params: { copy_X: true, note: 'alone' } }
    ];

    expect([...tellingParams(rows)]).toEqual(['depth']);
  });

  it('tells a number from its text', () => {
    expect([...tellingParams([{ params: { n: 1 } }, { params: { n: '1' } }])]).toEqual(['n']);
  });
});
