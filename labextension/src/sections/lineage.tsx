import * as React from 'react';

import { moment, text } from '../format';
import { ITreeRow, kindWords, opening, treeOf } from '../lineage';
import { Graph } from '../schema';
import { IContext } from '../tokens';
import { ListSection, TwoLines } from './list';

const DEEPEST = 8;

/** Lineage: what an endpoint, a model or a run was made of, as a tree; the main area draws it. */
export class LineageSection extends ListSection<ITreeRow> {
  constructor(context: IContext) {
    super(context);
    this.id = 'nbops-lineage';
  }

  protected readonly tables = ['cells', 'model_versions', 'bundles', 'deployments', 'endpoints'];

  protected get words() {
    const { trans } = this.context;
    return {
      label: trans.__('What it was made of'),
      empty: {
        title: trans.__('Nothing recorded yet'),
        text: trans.__('Put this into the first cell of a notebook and run it:'),
        code: '%load_ext nbops'
      }
    };
  }

  protected async ask(offset: number): Promise<ITreeRow[]> {
    if (offset > 0) {
      return [];
    }
    const [endpoints, versions, runs] = await Promise.all([
      this.call('records/endpoints', { limit: 100 }),
      this.call('models', { limit: 100 }),
      this.call('runs', { limit: 1 })
    ]);
    this._offered = [
      ...endpoints.map(endpoint => endpoint.name),
      ...versions.map(version => `${version.model}@${version.number}`)
    ];
    if (this._of !== null && this._of !== 'last' && !this._offered.includes(this._of)) {
      this._of = null;
    }
    const of = this._of ?? this._offered[0] ?? (runs.length > 0 ? 'last' : null);
    this._graph = of === null ? null : await this.call('graph', { id: of });
    return this._graph === null ? [] : treeOf(this._graph);
  }

  protected idOf(row: ITreeRow): string {
    return row.node.id;
  }

  protected nameOf({ node, depth, through }: ITreeRow): string {
    const { trans } = this.context;
    return [
      trans.__('level %1', depth + 1),
      kindWords(node.kind, trans),
      node.name,
      text(node.about, 100),
      through.length > 0 && trans.__('through %1', through.join(', ')),
      ...node.doubts
    ]
      .filter(Boolean)
      .join(', ');
  }

  protected dataOf({ node }: ITreeRow): { [name: `data-${string}`]: string } {
    const names = { cell: 'execution', run: 'run', model: 'model', endpoint: 'endpoint' } as const;
    const name = names[node.kind as keyof typeof names];
    return name === undefined ? {} : { [`data-nbops-${name}`]: node.opens };
  }

  protected open({ node }: ITreeRow): void {
    const found = opening(node);
    if (found !== null) {
      void this.context.app.commands.execute(found.command, found.args);
    }
  }

  protected override forget(): void {
    this._of = null;
    this._graph = null;
    super.forget();
  }

  protected override render(): React.ReactElement {
    const { trans, app } = this.context;
    const graph = this._graph;
    return (
      <>
        {graph !== null && (
          <div className="nbops-SearchBar">
            <div className="nbops-SearchBar-line">
              <select
                className="nbops-Select nbops-mod-wide"
                aria-label={trans.__('Lineage of')}
                value={this._of ?? this._offered[0] ?? 'last'}
                onChange={event => {
                  this._of = event.target.value;
                  this.refresh();
                }}
              >
                <option value="last">{trans.__('newest run')}</option>
                {this._offered.map(name => (
                  <option key={name} value={name}>
                    {name}
                  </option>
                ))}
              </select>
              <button
                className="nbops-Button"
                onClick={() =>
                  void app.commands.execute('nbops:open-lineage', {
                    id: this._of ?? this._offered[0] ?? 'last'
                  })
                }
              >
                {trans.__('Draw')}
              </button>
            </div>
          </div>
        )}
        {super.render()}
        {graph !== null && graph.left_out > 0 && (
          <div className="nbops-Foot">{trans.__('%1 more are not shown', graph.left_out)}</div>
        )}
      </>
    );
  }

  protected draw({ node, depth, through }: ITreeRow): React.ReactNode {
    const { trans } = this.context;
    return (
      <div className="nbops-Tree" style={{ paddingLeft: 8 * Math.min(depth, DEEPEST) }}>
        <TwoLines
          mark={<span className={`nbops-Dot nbops-mod-${node.kind}`} aria-hidden="true" />}
          title={node.name}
          aside={kindWords(node.kind, trans)}
          second={
            <>
              {node.doubts.length > 0 && (
                <span className="nbops-Chip nbops-mod-warn">{trans.__('doubtful')}</span>
              )}
              <span className={`nbops-Value ${node.kind === 'cell' ? 'nbops-mod-code' : ''}`}>
                {text(node.about || through.join(', '), 100)}
              </span>
            </>
          }
          tooltip={[node.name, node.about, moment(node.at), ...node.doubts].filter(Boolean).join('\n')}
        />
      </div>
    );
  }

  private _of: string | null = null;
  private _offered: string[] = [];
  private _graph: Graph | null = null;
}
