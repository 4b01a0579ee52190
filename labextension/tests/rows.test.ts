import { describe, expect, it } from 'vitest';

import { PagedRows } from '../src/rows';

/** A server with so many rows, which remembers what it was asked. */
function server(total: number) {
  const asked: number[] = [];
  const counted: number[] = [];
  const state = { total, version: 1, failing: false };
  const rows = new PagedRows<string>({
    pageSize: 10,
    keep: 3,
    fetch: async (offset, limit) => {
      asked.push(offset);
      if (state.failing) {
        throw new Error('no answer');
      }
      const length = Math.max(0, Math.min(limit, state.total - offset));
      return Array.from({ length }, (_, index) => `${offset + index} v${state.version}`);
    },
    count: async () => {
      counted.push(state.total);
      return state.total;
    }
  });
  return { rows, asked, counted, state };
}

const settled = () => new Promise(resolve => setTimeout(resolve, 5));

describe('a window of many rows', () => {
  it('asks for the first page only, and knows how many there are', async () => {
    const { rows, asked } = server(1000);
    await rows.refresh();
    expect(asked).toEqual([0]);
    expect(rows.total).toBe(1000);
    expect(rows.row(9)).toBe('9 v1');
    expect(rows.row(10)).toBeUndefined();
  });

  it('fetches what comes into view, once', async () => {
    const { rows, asked } = server(1000);
    await rows.refresh();
    rows.show(985, 999);
    rows.show(985, 999);
    await settled();
    expect(asked).toEqual([0, 980, 990]);
    expect(rows.row(999)).toBe('999 v1');
  });

  it('holds no more pages than it may', async () => {
    const { rows } = server(1000);
    await rows.refresh();
    for (const first of [100, 200, 300, 400, 500]) {
      rows.show(first, first + 5);
      await settled();
    }
    expect(rows.held()).toHaveLength(30);
    expect(rows.row(505)).toBe('505 v1');
  });

  it('asks once for pages that stand side by side in view', async () => {
    const { rows, asked } = server(1000);
    await rows.refresh();
    rows.show(5, 25);
    await settled();
    asked.length = 0;
    await rows.refresh();
    expect(asked).toEqual([0]);
    expect(rows.row(25)).toBe('25 v1');
  });

  it('counts only what it has not seen to its end', async () => {
    const { rows, counted, state } = server(17);
    rows.show(0, 12);
    await rows.refresh();
    expect([rows.total, counted]).toEqual([17, []]);
    state.total = 20;
    await rows.refresh();
    expect(rows.total).toBe(20);
    state.total = 7;
    await rows.refresh();
    expect(rows.total).toBe(7);
  });

  it('that became shorter than where one looks is counted', async () => {
    const { rows, state } = server(1000);
    await rows.refresh();
    rows.show(500, 505);
    await settled();
    state.total = 30;
    await rows.refresh();
    expect(rows.total).toBe(30);
  });

  it('shows what is new in view without a moment of nothing', async () => {
    const { rows, state } = server(20);
    await rows.refresh();
    const seen: (string | undefined)[] = [];
    rows.changed.connect(() => seen.push(rows.row(0)));
    state.version = 2;
    state.total = 21;
    await rows.refresh();
    expect(seen).toEqual(['0 v2', '0 v2']);
    expect(rows.total).toBe(21);
  });

  it('asks once more, not once for each of many pieces of news', async () => {
    const { rows, asked } = server(5);
    await Promise.all([rows.refresh(), rows.refresh(), rows.refresh(), rows.refresh()]);
    await settled();
    expect(asked.length).toBeLessThanOrEqual(2);
  });

  it('drops an answer to a question that is no longer asked', async () => {
    const { rows, state } = server(1000);
    await rows.refresh();
    rows.show(500, 505);
    state.version = 2;
    await rows.reset();
    await settled();
    expect(rows.row(500)).toBeUndefined();
    expect(rows.row(0)).toBe('0 v2');
  });

  it('says why there is no answer, and goes on with the next', async () => {
    const { rows, state } = server(5);
    state.failing = true;
    await rows.refresh();
    expect(rows.problem?.detail).toBe('no answer');
    state.failing = false;
    await rows.refresh();
    expect(rows.problem).toBeNull();
    expect(rows.row(4)).toBe('4 v1');
  });

  it('of nothing is empty rather than loading', async () => {
    const { rows } = server(0);
    expect(rows.isLoading).toBe(true);
    await rows.refresh();
    expect(rows.isLoading).toBe(false);
    expect(rows.total).toBe(0);
  });
});
