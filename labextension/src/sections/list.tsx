import * as React from 'react';

import { RowList } from '../parts/list';
import { PagedRows } from '../rows';
import { IContext } from '../tokens';
import { LiveSection } from './live';

/** A section that is one list, asked from one route. */
export abstract class ListSection<T> extends LiveSection {
  constructor(context: IContext) {
    super(context);
    this.rows.changed.connect(this.update, this);
  }

  protected abstract ask(offset: number, limit: number): Promise<T[]>;
  protected abstract idOf(row: T): string;
  protected abstract nameOf(row: T): string;
  protected abstract draw(row: T): React.ReactNode;
  protected abstract open(row: T): void;
  protected abstract dataOf(row: T): { [name: `data-${string}`]: string };

  /** What the list is called, and what is said where it is empty. */
  protected abstract readonly words: {
    label: string;
    empty: { title: string; text?: string; code?: string };
  };

  readonly rows: PagedRows<T> = new PagedRows<T>({
    fetch: (offset, limit) => this.ask(offset, limit)
  });

  protected call: IContext['client']['call'] = (name, takes) =>
    this.context.client.call(name, takes, { project: this.context.project.path });

  protected refresh(): void {
    void this.rows.refresh();
  }

  protected forget(): void {
    this.rows.clear();
  }

  protected render(): React.ReactElement {
    return (
      <RowList
        rows={this.rows}
        trans={this.context.trans}
        id={`${this.id || 'nbops'}-row`}
        label={this.words.label}
        rowHeight={46}
        idOf={row => this.idOf(row)}
        nameOf={row => this.nameOf(row)}
        dataOf={row => this.dataOf(row)}
        draw={row => this.draw(row)}
        onOpen={row => this.open(row)}
        empty={this.words.empty}
      />
    );
  }
}

/** The two lines that every row has. */
export function TwoLines(props: {
  mark: React.ReactNode;
  title: React.ReactNode;
  aside?: React.ReactNode;
  second: React.ReactNode;
  tooltip?: string;
  isCode?: boolean;
}): React.ReactElement {
  return (
    <>
      <span className="nbops-Front">{props.mark}</span>
      <span className="nbops-Row-body" title={props.tooltip}>
        <span className="nbops-Row-line">
          <span className={`nbops-Row-title ${props.isCode ? 'nbops-mod-code' : ''}`}>{props.title}</span>
          <span className="nbops-Row-aside">{props.aside}</span>
        </span>
        <span className="nbops-Row-line nbops-mod-second">{props.second}</span>
      </span>
    </>
  );
}
