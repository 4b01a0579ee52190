import * as React from 'react';

import { moment } from '../format';
import { nbopsIcon } from '../icons';
import { kindWords, kinOf, opening, treeOf } from '../lineage';
import { StatusWord } from '../parts/status';
import { Graph, GraphNode } from '../schema';
import { IContext } from '../tokens';
import { Document, openInMain } from './document';
import { ILayout, layoutOf, next, NODE, pathOf } from './graph-layout';
import { Block, Empty } from './parts';

/** What a graph is asked of. */
export interface IOfWhat {
  id: string;
  metric?: string;
  variable?: string;
}

/** Draw what something was made of. */
export function openLineageDocument(context: IContext, of: IOfWhat): void {
  const { trans } = context;
  const named = of.metric ?? of.variable ?? of.id.slice(0, 24);
  openInMain(context, {
    again: { command: 'nbops:open-lineage', args: { ...of } },
    id: `nbops-lineage-${of.id}-${of.metric ?? ''}-${of.variable ?? ''}`,
    title: trans.__('Lineage: %1', named),
    caption: trans.__('What %1 was made of', named),
    icon: nbopsIcon,
    make: () => new LineageDocument(context, of)
  });
}

class LineageDocument extends Document<Graph> {
  constructor(
    context: IContext,
    private readonly _of: IOfWhat
  ) {
    super(context);
    this.addClass('nbops-Lineage');
    this.node.setAttribute('aria-label', context.trans.__('Lineage'));
  }

  protected override readonly tables = [
    'cells',
    'metrics',
    'model_versions',
    'module_versions',
    'bundles',
    'deployments',
    'endpoints'
  ];

  protected ask(): Promise<Graph> {
    return this.context.client.call('graph', { ...this._of }, this.asking);
  }

  protected draw(graph: Graph): React.ReactElement {
    return <Lineage graph={graph} context={this.context} />;
  }
}

function Lineage(props: { graph: Graph; context: IContext }): React.ReactElement {
  const { graph, context } = props;
  const { trans } = context;
  const [isList, setList] = React.useState(false);
  return (
    <article>
      <header className="nbops-Head">
        <h1>{graph.of}</h1>
        <Verdict graph={graph} context={context} />
        <div className="nbops-Actions" role="group" aria-label={trans.__('Shown as')}>
          {([false, true] as const).map(list => (
            <button
              key={String(list)}
              className="nbops-Button"
              aria-pressed={isList === list}
              onClick={() => setList(list)}
            >
              {list ? trans.__('List') : trans.__('Graph')}
            </button>
          ))}
        </div>
      </header>
      {graph.left_out > 0 && (
        <p className="nbops-Empty">
          {trans.__('%1 more things, further from it, are not shown.', graph.left_out)}
        </p>
      )}
      {graph.nodes.length === 0 ? (
        <Empty>{trans.__('Nothing is known of what it was made of.')}</Empty>
      ) : isList ? (
        <Listing graph={graph} context={context} />
      ) : (
        <Drawn graph={graph} context={context} />
      )}
    </article>
  );
}

function Verdict(props: { graph: Graph; context: IContext }): React.ReactElement {
  const { graph, context } = props;
  const { trans } = context;
  const doubtful = graph.nodes.filter(node => node.doubts.length > 0);
  if (graph.verdict === 'unknown') {
    return <span className="nbops-Chip">{trans.__('no cell known')}</span>;
  }
  return doubtful.length === 0 ? (
    <span className="nbops-Chip nbops-mod-good">{trans.__('clean')}</span>
  ) : (
    <span className="nbops-Chip nbops-mod-warn" title={doubtful.map(reasons).join('\n')}>
      {trans._n('tainted by %1 cell', 'tainted by %1 cells', doubtful.length)}
    </span>
  );
}

function reasons(node: GraphNode): string {
  return `${node.name}: ${node.doubts.join('; ')}`;
}

const LEAST_SCALE = 0.4;
const STEP = 1.2;

/** The graph: real buttons over drawn links, so that every thing can be reached, read and pressed. */
function Drawn(props: { graph: Graph; context: IContext }): React.ReactElement {
  const { graph, context } = props;
  const { trans } = context;
  const view = React.useRef<HTMLDivElement>(null);
  const drawn = React.useMemo(() => layoutOf(graph), [graph]);
  const [scale, setScale] = React.useState(1);
  const [active, setActive] = React.useState(graph.results[0] ?? '');
  const [near, setNear] = React.useState<string | null>(null);
  const kin = React.useMemo(() => (near === null ? null : kinOf(graph, near)), [graph, near]);

  const fit = React.useCallback(() => {
    const width = view.current?.clientWidth ?? 0;
    setScale(width === 0 ? 1 : Math.max(LEAST_SCALE, Math.min(1, width / drawn.width)));
  }, [drawn]);
  React.useLayoutEffect(fit, [fit]);

  const onKeyDown = (event: React.KeyboardEvent) => {
    if (event.key.startsWith('Arrow') || event.key === 'Home') {
      const to = next(graph, drawn, active, event.key);
      setActive(to);
      view.current?.querySelector<HTMLElement>(`[data-nbops-node="${CSS.escape(to)}"]`)?.focus();
    } else if (event.key === '+' || event.key === '-') {
      setScale(scale => zoomed(scale, event.key === '+'));
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div className="nbops-Graph">
      <div
        className="nbops-Graph-view"
        ref={view}
        role="group"
        aria-label={trans.__('%1 and what it was made of. Arrow keys walk, Enter opens.', graph.of)}
        onKeyDown={onKeyDown}
        onMouseLeave={() => setNear(null)}
      >
        <div
          className="nbops-Graph-room"
          style={{ width: drawn.width * scale, height: drawn.height * scale }}
        >
          <div style={{ transform: `scale(${scale})`, width: drawn.width, height: drawn.height }}>
            <Links drawn={drawn} kin={kin} />
            {graph.nodes.map(node => (
              <Thing
                key={node.id}
                node={node}
                place={drawn.places.get(node.id) ?? { x: 0, y: 0 }}
                isResult={graph.results.includes(node.id)}
                isActive={node.id === active}
                isFaint={kin !== null && !kin.has(node.id)}
                context={context}
                onNear={setNear}
                onActive={setActive}
              />
            ))}
          </div>
        </div>
      </div>
      <div className="nbops-Graph-zoom" role="group" aria-label={trans.__('Zoom')}>
        <button
          className="nbops-Button"
          aria-label={trans.__('Smaller')}
          onClick={() => setScale(scale => zoomed(scale, false))}
        >
          −
        </button>
        <button className="nbops-Button" onClick={fit}>
          {trans.__('Fit')}
        </button>
        <button
          className="nbops-Button"
          aria-label={trans.__('Larger')}
          onClick={() => setScale(scale => zoomed(scale, true))}
        >
          +
        </button>
      </div>
    </div>
  );
}

function zoomed(scale: number, isLarger: boolean): number {
  return Math.min(2, Math.max(0.2, isLarger ? scale * STEP : scale / STEP));
}

function Links(props: { drawn: ILayout; kin: Set<string> | null }): React.ReactElement {
  const { drawn, kin } = props;
  return (
    <svg className="nbops-Graph-links" width={drawn.width} height={drawn.height} aria-hidden="true">
      {drawn.links.map(({ link, label, points, at }) => {
        const isNear = kin !== null && kin.has(link.made) && kin.has(link.of);
        const look = kin === null ? '' : isNear ? 'nbops-mod-near' : 'nbops-mod-faint';
        return (
          <g key={`${link.made} ${link.of}`} className={look}>
            <path d={pathOf(points)} />
            <path className="nbops-Graph-tip" d={tip(points[0])} />
            {label && (
              <text x={at.x} y={at.y + 4}>
                {label}
              </text>
            )}
          </g>
        );
      })}
    </svg>
  );
}

/** The tip points at what was made. */
function tip({ x, y }: { x: number; y: number }): string {
  return `M${x},${y}l-4,7h8z`;
}

function Thing(props: {
  node: GraphNode;
  place: { x: number; y: number };
  isResult: boolean;
  isActive: boolean;
  isFaint: boolean;
  context: IContext;
  onNear(id: string): void;
  onActive(id: string): void;
}): React.ReactElement {
  const { node, place, context } = props;
  const { trans } = context;
  const kind = kindWords(node.kind, trans);
  const isDoubted = node.doubts.length > 0;
  const classes = [
    'nbops-Node',
    `nbops-mod-${node.kind}`,
    props.isResult && 'nbops-mod-result',
    isDoubted && 'nbops-mod-doubted',
    props.isFaint && 'nbops-mod-faint',
    opening(node) === null && 'nbops-mod-closed'
  ];
  return (
    <button
      className={classes.filter(Boolean).join(' ')}
      style={{ left: place.x - NODE.width / 2, top: place.y - NODE.height / 2, ...NODE }}
      tabIndex={props.isActive ? 0 : -1}
      data-nbops-node={node.id}
      aria-label={[kind, node.name, node.about, ...node.doubts].filter(Boolean).join(', ')}
      title={[node.name, node.about, moment(node.at), ...node.doubts].filter(Boolean).join('\n')}
      onMouseEnter={() => props.onNear(node.id)}
      onFocus={() => {
        props.onActive(node.id);
        props.onNear(node.id);
      }}
      onClick={() => open(node, context)}
    >
      <span className="nbops-Node-line">
        <span className="nbops-Node-kind">{kind}</span>
        <span className="nbops-Node-name">{node.name}</span>
        {isDoubted && <span className="nbops-Chip nbops-mod-warn">{trans.__('doubtful')}</span>}
      </span>
      <span className={`nbops-Node-about ${node.kind === 'cell' ? 'nbops-mod-code' : ''}`}>
        {node.about || ' '}
      </span>
    </button>
  );
}

function open(node: GraphNode, { app }: IContext): void {
  const found = opening(node);
  if (found !== null) {
    void app.commands.execute(found.command, found.args);
  }
}

/** The same as a table, in which each thing stands below what was made of it. */
function Listing(props: { graph: Graph; context: IContext }): React.ReactElement {
  const { graph, context } = props;
  const { trans } = context;
  return (
    <Block title={trans.__('Made of')} isWide>
      <div className="nbops-TableScroll" tabIndex={0} role="group" aria-label={trans.__('Made of')}>
        <table className="nbops-Table">
          <thead>
            <tr>
              <th scope="col">{trans.__('What')}</th>
              <th scope="col">{trans.__('Name')}</th>
              <th scope="col">{trans.__('About')}</th>
              <th scope="col">{trans.__('Through')}</th>
              <th scope="col">{trans.__('Status')}</th>
              <th scope="col">{trans.__('Doubts')}</th>
            </tr>
          </thead>
          <tbody>
            {treeOf(graph).map(({ node, depth, through }) => (
              <tr key={node.id}>
                <th scope="row" style={{ paddingLeft: 14 + 12 * Math.min(depth, 12) }}>
                  {kindWords(node.kind, trans)}
                </th>
                <td>
                  {opening(node) === null ? (
                    node.name
                  ) : (
                    <button className="nbops-Link" onClick={() => open(node, context)}>
                      {node.name}
                    </button>
                  )}
                </td>
                <td>{node.kind === 'cell' ? <code>{node.about}</code> : node.about}</td>
                <td>{through.join(', ')}</td>
                <td>{node.status && <StatusWord status={node.status} trans={trans} />}</td>
                <td>{node.doubts.join('; ')}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Block>
  );
}
