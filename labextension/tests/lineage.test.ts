import { describe, expect, it } from 'vitest';

import { layoutOf, next, NODE, pathOf } from '../src/documents/graph-layout';
import { kinOf, opening, treeOf } from '../src/lineage';
import { Graph, GraphNode } from '../src/schema';

const node = (id: string, kind: GraphNode['kind'] = 'cell', opens = id): GraphNode => ({
  id,
  kind,
  name: id,
  about: '',
  status: '',
  doubts: [],
  opens,
  at: null
});

const graph = (ids: string[], links: [string, string][], results = [ids[0]]): Graph => ({
  of: ids[0],
  results,
  verdict: 'clean',
  nodes: ids.map(id => node(id)),
  links: links.map(([made, of]) => ({ made, of, names: [] })),
  left_out: 0
});

/** A result made of two cells, both made of a third. */
const diamond = graph(
  ['result', 'left', 'right', 'root'],
  [
    ['result', 'left'],
    ['result', 'right'],
    ['left', 'root'],
    ['right', 'root']
  ]
);

describe('a lineage', () => {
  it('is a tree in which each thing stands once', () => {
    expect(treeOf(diamond).map(row => [row.node.id, row.depth])).toEqual([
      ['result', 0],
      ['left', 1],
      ['root', 2],
      ['right', 1]
    ]);
  });

  it('tells what a thing has to do with', () => {
    expect([...kinOf(diamond, 'left')].sort()).toEqual(['left', 'result', 'root']);
  });

  it('opens what there is to open', () => {
    expect(opening(node('mod@1.0.0', 'module'))?.args).toEqual({ module: 'mod' });
    expect(opening(node('live@3', 'deployment'))?.args).toEqual({ endpoint: 'live' });
    expect(opening(node('abc', 'bundle'))).toBeNull();
  });
});

describe('its drawing', () => {
  it('has results on top and what they were made of below', () => {
    const { places } = layoutOf(diamond);
    const y = (id: string) => places.get(id)?.y ?? NaN;
    expect(y('result')).toBeLessThan(y('left'));
    expect(y('left')).toBe(y('right'));
    expect(y('left')).toBeLessThan(y('root'));
  });

  it('is walked by arrow keys, and stays where there is nothing', () => {
    const drawn = layoutOf(diamond);
    const [first, second] =
      (drawn.places.get('left')?.x ?? 0) < (drawn.places.get('right')?.x ?? 0)
        ? ['left', 'right']
        : ['right', 'left'];
    expect(next(diamond, drawn, first, 'ArrowRight')).toBe(second);
    expect(next(diamond, drawn, first, 'ArrowLeft')).toBe(first);
    expect(next(diamond, drawn, first, 'ArrowDown')).toBe('root');
    expect(next(diamond, drawn, 'root', 'ArrowDown')).toBe('root');
    expect(next(diamond, drawn, first, 'ArrowUp')).toBe('result');
    expect(next(diamond, drawn, 'root', 'Home')).toBe('result');
  });

  it('holds three hundred things of which none lies on another', () => {
    const ids = Array.from({ length: 300 }, (_, index) => `n${index}`);
    const links = ids
      .slice(1)
      .flatMap((id, index): [string, string][] => [
        [ids[Math.floor(index / 3)], id],
        ...(index % 7 === 6 ? [[ids[Math.floor(index / 2)], id] as [string, string]] : [])
      ]);
    const { places } = layoutOf(graph(ids, links));
    const at = [...places.values()];
    const overlap = at.some((a, index) =>
      at
        .slice(index + 1)
        .some(b => Math.abs(a.x - b.x) < NODE.width - 1 && Math.abs(a.y - b.y) < NODE.height - 1)
    );
    expect([places.size, overlap]).toEqual([300, false]);
  });

  it('draws lines through all their points', () => {
    expect(
      pathOf([
        { x: 0, y: 0 },
        { x: 2, y: 2 },
        { x: 4, y: 8 }
      ])
    ).toBe('M0,0Q2,2 3,5L4,8');
    expect(pathOf([])).toBe('');
  });
});
