import { TranslationBundle } from '@jupyterlab/translation';

import { Graph, GraphLink, GraphNode } from './schema';

/** What a kind of thing is called. */
export function kindWords(kind: GraphNode['kind'], trans: TranslationBundle): string {
  const words: { [kind in GraphNode['kind']]: string } = {
    endpoint: trans.__('endpoint'),
    deployment: trans.__('deployment'),
    bundle: trans.__('bundle'),
    model: trans.__('model'),
    metric: trans.__('metric'),
    variable: trans.__('variable'),
    run: trans.__('run'),
    cell: trans.__('cell'),
    module: trans.__('module'),
    dataset: trans.__('data'),
    file: trans.__('file')
  };
  return words[kind];
}

/** The command that opens a thing, or nothing where there is nothing more to see than its node. */
export function opening(node: GraphNode): { command: string; args: { [name: string]: string } } | null {
  const name = node.name.replace(/@[^@]*$/, '');
  switch (node.kind) {
    case 'endpoint':
      return { command: 'nbops:open-endpoint', args: { endpoint: node.opens } };
    case 'deployment':
      return { command: 'nbops:open-endpoint', args: { endpoint: name } };
    case 'model':
      return { command: 'nbops:open-model', args: { model: node.opens } };
    case 'run':
      return { command: 'nbops:open-run', args: { run: node.opens } };
    case 'cell':
      return { command: 'nbops:open-cell', args: { execution: node.opens } };
    case 'module':
      return { command: 'nbops:open-module', args: { module: name } };
    case 'file':
      return { command: 'nbops:open-file', args: { path: node.name } };
    default:
      return null;
  }
}

/** A row of the graph as a tree: each thing once, below the first of those that were made of it. */
export interface ITreeRow {
  node: GraphNode;
  depth: number;
  /** Names that carried it to what stands above. */
  through: string[];
}

export function treeOf(graph: Graph): ITreeRow[] {
  const nodes = new Map(graph.nodes.map(node => [node.id, node]));
  const below = by(graph.links, 'made');
  const rows: ITreeRow[] = [];
  const seen = new Set<string>();
  const pending = graph.results.map(id => ({ id, depth: 0, through: [] as string[] })).reverse();
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const node = nodes.get(next.id);
    if (node === undefined || seen.has(next.id)) {
      continue;
    }
    seen.add(next.id);
    const { depth, through } = next;
    rows.push({ node, depth, through });
    const links = below.get(next.id) ?? [];
    pending.push(...links.map(link => ({ id: link.of, depth: depth + 1, through: link.names })).reverse());
  }
  return rows;
}

/** All that a thing was made of, and all that was made of it. */
export function kinOf(graph: Graph, id: string): Set<string> {
  const kin = new Set([id]);
  for (const [from, to] of [
    ['made', 'of'],
    ['of', 'made']
  ] as const) {
    const links = by(graph.links, from);
    const pending = [id];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      for (const link of links.get(next) ?? []) {
        if (!kin.has(link[to])) {
          kin.add(link[to]);
          pending.push(link[to]);
        }
      }
    }
  }
  return kin;
}

export function by(links: ReadonlyArray<GraphLink>, end: 'made' | 'of'): Map<string, GraphLink[]> {
  const found = new Map<string, GraphLink[]>();
  for (const link of links) {
    const known = found.get(link[end]);
    if (known) {
      known.push(link);
    } else {
      found.set(link[end], [link]);
    }
  }
  return found;
}
