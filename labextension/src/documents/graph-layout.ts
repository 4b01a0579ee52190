import { Graph as Drawing, layout } from '@dagrejs/dagre';

import { text } from '../format';
import { Graph, GraphLink } from '../schema';

export const NODE = { width: 196, height: 48 };
const LABEL = { letter: 6.2, height: 14, most: 28 };
/** From here on the quickest way to rank is taken: the best one would take seconds. */
const MANY = 120;

export interface IPlace {
  x: number;
  y: number;
}

export interface IDrawnLink {
  link: GraphLink;
  label: string;
  /** From what was made down to what it was made of. */
  points: IPlace[];
  /** The middle of the label. */
  at: IPlace;
}

export interface ILayout {
  width: number;
  height: number;
  /** Middles of the nodes. */
  places: Map<string, IPlace>;
  links: IDrawnLink[];
}

/** Say where things and links stand: results on top, what they were made of below. */
export function layoutOf(graph: Graph): ILayout {
  const drawing = new Drawing();
  drawing.setGraph({
    rankdir: 'TB',
    nodesep: 24,
    ranksep: 40,
    marginx: 12,
    marginy: 12,
    ranker: graph.nodes.length > MANY ? 'longest-path' : 'network-simplex'
  });
  drawing.setDefaultEdgeLabel(() => ({}));
  graph.nodes.forEach(node => drawing.setNode(node.id, { ...NODE }));
  const labels = graph.links.map(link => text(link.names.join(', '), LABEL.most));
  graph.links.forEach((link, index) =>
    drawing.setEdge(link.made, link.of, {
      labelpos: 'c',
      width: labels[index].length * LABEL.letter,
      height: labels[index] ? LABEL.height : 0
    })
  );
  layout(drawing);
  const whole = drawing.graph() as { width?: number; height?: number };
  return {
    width: whole.width ?? 0,
    height: whole.height ?? 0,
    places: new Map(graph.nodes.map(({ id }) => [id, placeOf(drawing.node(id))])),
    links: graph.links.map((link, index) => {
      const edge = drawing.edge(link.made, link.of) as { points: IPlace[]; x?: number; y?: number };
      return { link, label: labels[index], points: edge.points, at: placeOf(edge) };
    })
  };
}

function placeOf(drawn: unknown): IPlace {
  const { x = 0, y = 0 } = drawn as Partial<IPlace>;
  return { x, y };
}

/** The node that an arrow key leads to: the nearest one in that direction, along links when going up or down. */
export function next(graph: Graph, { places }: ILayout, id: string, key: string): string {
  const here = places.get(id);
  if (here === undefined || key === 'Home') {
    return graph.results[0] ?? id;
  }
  const others =
    key === 'ArrowUp'
      ? graph.links.filter(link => link.of === id).map(link => link.made)
      : key === 'ArrowDown'
        ? graph.links.filter(link => link.made === id).map(link => link.of)
        : [...places.keys()].filter(other => isBeside(here, places.get(other) as IPlace, key));
  const distance = (other: string) => {
    const { x, y } = places.get(other) as IPlace;
    return Math.abs(x - here.x) + Math.abs(y - here.y);
  };
  return (
    others.reduce<string | null>(
      (best, other) => (best === null || distance(other) < distance(best) ? other : best),
      null
    ) ?? id
  );
}

function isBeside(here: IPlace, other: IPlace, key: string): boolean {
  const isInRow = Math.abs(other.y - here.y) < NODE.height / 2;
  return isInRow && (key === 'ArrowLeft' ? other.x < here.x : other.x > here.x);
}

/** A smooth line through points. */
export function pathOf(points: ReadonlyArray<IPlace>): string {
  if (points.length === 0) {
    return '';
  }
  const [first, ...rest] = points;
  const parts = [`M${first.x},${first.y}`];
  rest.forEach((point, index) => {
    const after = rest[index + 1];
    if (after === undefined) {
      parts.push(`L${point.x},${point.y}`);
    } else {
      parts.push(`Q${point.x},${point.y} ${(point.x + after.x) / 2},${(point.y + after.y) / 2}`);
    }
  });
  return parts.join('');
}
