import { ServerConnection } from '@jupyterlab/services';
import { expect, it } from 'vitest';

import { Client } from '../src/client';
import { encode } from '../src/query';

it('writes lists by repeating their name, maps as pairs, and leaves out what is not given', () => {
  const query = new URLSearchParams();
  encode({ where: 'a = 1', runs: ['x', 'y'], param: { lr: 0.1 }, limit: 0, name: undefined }, query);
  expect(query.toString()).toBe('where=a+%3D+1&runs=x&runs=y&param=lr%3D0.1&limit=0');
});

/** A client whose server answers with the number of the question. */
function counting(): [Client, string[]] {
  const asked: string[] = [];
  const fetch = async (request: RequestInfo | URL) => {
    asked.push((request as Request).url);
    return new Response(`[${asked.length}]`, { headers: { 'Content-Type': 'application/json' } });
  };
  const settings = ServerConnection.makeSettings({ baseUrl: 'http://127.0.0.1:1/', fetch });
  return [new Client(settings), asked];
}

it('answers a question that was asked ahead once, and no other', async () => {
  const [client, asked] = counting();
  client.ahead('runs', { limit: 50 }, { project: 'a' });
  expect(await client.call('runs', { limit: 50 }, { project: 'b' })).toEqual([2]);
  expect(await client.call('runs', { limit: 50 }, { project: 'a' })).toEqual([1]);
  expect(await client.call('runs', { limit: 50 }, { project: 'a' })).toEqual([3]);
  expect(asked).toHaveLength(3);
});
