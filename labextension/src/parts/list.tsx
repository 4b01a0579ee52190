import { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { List, RowComponentProps, useListRef } from 'react-window';

import { PagedRows } from '../rows';
import { Advice, ProblemAdvice, Waiting } from './advice';

export interface IRowListProps<T> {
  rows: PagedRows<T>;
  trans: TranslationBundle;
  /** What the list is, for screen readers. */
  label: string;
  /** Prefix of the rows' DOM ids; unique in the page. */
  id: string;
  rowHeight: number;
  idOf(row: T): string;
  /** What a screen reader says of a row. */
  nameOf(row: T): string;
  draw(row: T): React.ReactNode;
  /** Attributes by which context menus find out what a row is. */
  dataOf?(row: T): { [name: `data-${string}`]: string };
  isMarked?(row: T): boolean;
  /** The row that is looked at moved. */
  onLook?(row: T): void;
  onOpen(row: T): void;
  onToggle?(row: T): void;
  /** Shown instead of no rows. */
  empty: { title: string; text?: string; code?: string };
  /** The way back from a list that is empty, or was refused, because of what was asked for. */
  wayBack?: React.ReactNode;
}

/** Where somebody stands in the list: known by the row's id, because rows move while one looks at them. */
interface IPlace {
  index: number;
  id: string | null;
}

/**
 * A long list of rows of one height, of which only those in view exist.
 *
 * One stop of the Tab key; arrows, Page Up and Down, Home and End walk, Enter opens, Space marks.
 */
export function RowList<T>(props: IRowListProps<T>): React.ReactElement {
  const { rows, trans } = props;
  const list = useListRef(null);
  const [place, setPlace] = React.useState<IPlace>({ index: 0, id: null });
  const [hasFocus, setHasFocus] = React.useState(false);
  const inView = React.useRef<[number, number]>([0, 0]);

  if (rows.problem) {
    return (
      <ProblemAdvice problem={rows.problem} trans={trans}>
        {props.wayBack}
      </ProblemAdvice>
    );
  }
  if (rows.isLoading) {
    return <Waiting trans={trans} />;
  }
  const total = rows.total ?? 0;
  if (total === 0) {
    return <Advice {...props.empty}>{props.wayBack}</Advice>;
  }
  const active = Math.min(whereIs(place, props, inView.current), total - 1);

  const stand = (index: number, scroll: boolean) => {
    const row = rows.row(index);
    setPlace({ index, id: row === undefined ? null : props.idOf(row) });
    if (scroll) {
      list.current?.scrollToRow({ index, align: 'auto', behavior: 'instant' });
    }
    if (row !== undefined) {
      props.onLook?.(row);
    }
  };

  const onKeyDown = (event: React.KeyboardEvent) => {
    const height = inView.current[1] - inView.current[0];
    const steps: { [key: string]: number } = {
      ArrowDown: active + 1,
      ArrowUp: active - 1,
      PageDown: active + Math.max(1, height),
      PageUp: active - Math.max(1, height),
      Home: 0,
      End: total - 1
    };
    const row = rows.row(active);
    if (event.key in steps) {
      stand(Math.max(0, Math.min(total - 1, steps[event.key])), true);
    } else if (event.key === 'Enter' && row !== undefined) {
      props.onOpen(row);
    } else if (event.key === ' ' && row !== undefined && props.onToggle) {
      props.onToggle(row);
    } else if (event.key === 'ContextMenu' || (event.key === 'F10' && event.shiftKey)) {
      openMenu(`${props.id}-${active}`);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <List
      className="nbops-List"
      role="listbox"
      aria-label={props.label}
      aria-multiselectable={props.onToggle ? true : undefined}
      aria-activedescendant={`${props.id}-${active}`}
      tabIndex={0}
      listRef={list}
      onKeyDown={onKeyDown}
      onFocus={() => setHasFocus(true)}
      onBlur={() => setHasFocus(false)}
      rowComponent={Row as (row: RowComponentProps<IRowProps<T>>) => React.ReactElement}
      rowCount={total}
      rowHeight={props.rowHeight}
      overscanCount={4}
      rowProps={{ of: props, active, isChosen: place.id !== null || hasFocus, hasFocus, stand }}
      onRowsRendered={(visible, all) => {
        inView.current = [visible.startIndex, visible.stopIndex];
        rows.show(all.startIndex, all.stopIndex);
      }}
    />
  );
}

interface IRowProps<T> {
  of: IRowListProps<T>;
  active: number;
  /** Whether somebody chose the active row, as against it being the first. */
  isChosen: boolean;
  hasFocus: boolean;
  stand(index: number, scroll: boolean): void;
}

function Row<T>(props: RowComponentProps<IRowProps<T>>): React.ReactElement {
  const { of, index, style, active, isChosen, hasFocus, stand, ariaAttributes } = props;
  const row = of.rows.row(index);
  const isActive = index === active;
  const isMarked = row !== undefined && (of.isMarked?.(row) ?? false);
  const classes = ['nbops-Row', isActive && isChosen && 'nbops-mod-active', isMarked && 'nbops-mod-marked'];
  if (isActive && hasFocus) {
    classes.push('nbops-mod-focused');
  }
  return (
    <div
      id={`${of.id}-${index}`}
      className={classes.filter(Boolean).join(' ')}
      style={style}
      role="option"
      aria-selected={of.onToggle ? isMarked : isActive}
      aria-posinset={ariaAttributes['aria-posinset']}
      aria-setsize={ariaAttributes['aria-setsize']}
      aria-label={row === undefined ? of.trans.__('Loading') : of.nameOf(row)}
      aria-busy={row === undefined}
      {...(row === undefined ? {} : of.dataOf?.(row))}
      onClick={event => {
        stand(index, false);
        if (row !== undefined && of.onToggle && (event.ctrlKey || event.metaKey || isOnMark(event))) {
          of.onToggle(row);
        }
      }}
      onContextMenu={() => stand(index, false)}
      onDoubleClick={event => {
        if (row !== undefined && !isOnMark(event)) {
          of.onOpen(row);
        }
      }}
    >
      {row === undefined ? <div className="nbops-Skeleton" /> : of.draw(row)}
    </div>
  );
}

/** The mark at the front of a row, which the mouse uses in place of the Space key. */
export const MARK = 'nbops-Mark';

function isOnMark(event: React.MouseEvent): boolean {
  return (event.target as Element).closest(`.${MARK}`) !== null;
}

function whereIs<T>(place: IPlace, props: IRowListProps<T>, [first, last]: [number, number]): number {
  const at = props.rows.row(place.index);
  if (place.id === null || (at !== undefined && props.idOf(at) === place.id)) {
    return place.index;
  }
  for (let index = Math.max(0, first - 20); index <= last + 20; index++) {
    const row = props.rows.row(index);
    if (row !== undefined && props.idOf(row) === place.id) {
      return index;
    }
  }
  return place.index;
}

/** Open the context menu of a row as the mouse would: JupyterLab finds the row by the event's place. */
function openMenu(id: string): void {
  const row = document.getElementById(id);
  if (row) {
    const { left, bottom } = row.getBoundingClientRect();
    row.dispatchEvent(
      new MouseEvent('contextmenu', {
        bubbles: true,
        cancelable: true,
        clientX: left + 24,
        clientY: bottom - 4
      })
    );
  }
}
