import { expect, it } from 'vitest';

import { encode } from '../src/query';

it('writes lists by repeating their name, maps as pairs, and leaves out what is not given', () => {
  const query = new URLSearchParams();
  encode({ where: 'a = 1', runs: ['x', 'y'], param: { lr: 0.1 }, limit: 0, name: undefined }, query);
  expect(query.toString()).toBe('where=a+%3D+1&runs=x&runs=y&param=lr%3D0.1&limit=0');
});
