import { IRenderMime } from '@jupyterlab/rendermime';
import { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import * as React from 'react';

import { IContext } from '../tokens';

const VEGA_LITE = 'application/vnd.vegalite.v5+json';

/** One line of a chart. */
export interface ISeries {
  name: string;
  /** Which of the looks of lines it has; its place among the lines when not given. */
  look?: number;
  points: ReadonlyArray<{ x: number; y: number }>;
}

/** Lines over steps, drawn by JupyterLab's own Vega; nothing where a front end has none. */
export function LineChart(props: {
  context: IContext;
  title: string;
  xTitle: string;
  series: ReadonlyArray<ISeries>;
}): React.ReactElement | null {
  const host = React.useRef<HTMLDivElement>(null);
  const surroundings = useSurroundings(host);
  const { rendermime } = props.context;
  const { xTitle, series } = props;
  const { trans } = props.context;
  const words = { run: trans.__('run'), value: trans.__('value') };
  const told = JSON.stringify({ xTitle, series, words });
  React.useEffect(() => {
    const node = host.current;
    if (!rendermime || !node || node.clientWidth === 0 || !rendermime.mimeTypes.includes(VEGA_LITE)) {
      return;
    }
    const renderer = rendermime.createRenderer(VEGA_LITE);
    const fitted = {
      ...lines(JSON.parse(told), colours(node)),
      width: node.clientWidth,
      config: themed(node)
    };
    const data = { [VEGA_LITE]: fitted as unknown as ReadonlyPartialJSONObject };
    node.replaceChildren(renderer.node);
    void renderer.renderModel(rendermime.createModel({ data }) as IRenderMime.IMimeModel);
    return () => renderer.dispose();
  }, [told, rendermime, surroundings]);
  return (
    <figure className="nbops-Chart" aria-label={props.title}>
      <figcaption>{props.title}</figcaption>
      <div ref={host} />
    </figure>
  );
}

/** Changes with the theme and with the width, for which a chart is drawn anew. */
function useSurroundings(host: React.RefObject<HTMLElement>): string {
  const [seen, setSeen] = React.useState('');
  React.useEffect(() => {
    const look = () => setSeen(`${document.body.dataset.jpThemeName} ${host.current?.clientWidth ?? 0}`);
    // The theme's name changes with the sheet, whose colours hold a moment later.
    const theme = new MutationObserver(() => window.setTimeout(look, 100));
    const width = new ResizeObserver(look);
    theme.observe(document.body, { attributes: true, attributeFilter: ['data-jp-theme-name'] });
    if (host.current) {
      width.observe(host.current);
    }
    return () => {
      theme.disconnect();
      width.disconnect();
    };
  }, [host]);
  return seen;
}

/** Lines differ in their dashes where the colours begin anew. */
const DASHES = [[], [6, 3], [2, 2], [8, 3, 2, 3]];

function lines(
  props: { xTitle: string; series: ReadonlyArray<ISeries>; words: { run: string; value: string } },
  palette: ReadonlyArray<string>
): object {
  const domain = props.series.map(({ name }) => name);
  const looks = props.series.map(({ look }, index) => look ?? index);
  const legend = { orient: 'bottom', title: null, columns: 2, labelLimit: 150, symbolType: 'stroke' };
  const named = props.series.length > 1 ? Math.ceil(props.series.length / 2) : 0;
  const values = props.series.flatMap(({ name, points }) => points.map(point => ({ ...point, name })));
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v5.json',
    autosize: { type: 'fit', contains: 'padding' },
    // The names below stand two to a line.
    height: 160 + 18 * named,
    usermeta: { embedOptions: { actions: false } },
    background: 'transparent',
    data: { values },
    mark: { type: 'line', point: values.length <= 200, interpolate: 'monotone', strokeWidth: 2 },
    encoding: {
      x: { field: 'x', type: 'quantitative', title: props.xTitle, axis: { grid: false, ...ticks(values) } },
      y: { field: 'y', type: 'quantitative', title: null, scale: { zero: false } },
      color: {
        field: 'name',
        type: 'nominal',
        scale: { domain, range: looks.map(look => palette[look % palette.length]) },
        legend: named > 0 ? legend : null
      },
      strokeDash: {
        field: 'name',
        type: 'nominal',
        scale: {
          domain,
          range: looks.map(look => DASHES[Math.floor(look / palette.length) % DASHES.length])
        },
        legend: named > 0 ? legend : null
      },
      tooltip: [
        { field: 'name', title: props.words.run },
        { field: 'x', title: props.xTitle },
        { field: 'y', title: props.words.value }
      ]
    }
  };
}

/** Steps and measurements are counted: between 1 and 2 there is none. */
function ticks(values: ReadonlyArray<{ x: number }>): object {
  const numbers = [...new Set(values.map(({ x }) => x))];
  if (!numbers.every(Number.isInteger)) {
    return {};
  }
  return numbers.length <= 10 ? { values: numbers, format: 'd' } : { tickMinStep: 1, format: '~s' };
}

/** Vega takes no CSS variables, so the theme's values are read where the chart stands. */
function themed(node: Element): object {
  const style = getComputedStyle(node);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const label = colour('--jp-ui-font-color1');
  const rule = colour('--jp-border-color2');
  return {
    font: colour('--jp-ui-font-family'),
    view: { stroke: 'transparent' },
    axis: { labelColor: label, titleColor: label, gridColor: rule, domainColor: rule, tickColor: rule },
    legend: { labelColor: label }
  };
}

function colours(node: Element): string[] {
  const style = getComputedStyle(node);
  return [
    '--jp-brand-color1',
    '--jp-warn-color1',
    '--jp-success-color1',
    '--jp-error-color1',
    '--jp-info-color1'
  ].map(name => style.getPropertyValue(name).trim());
}
