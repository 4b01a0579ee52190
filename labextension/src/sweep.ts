import { Parameter } from './schema';

/** What a filled form asks for. */
export interface IPlan {
  /** Parameters with one value. */
  param: { [name: string]: string };
  /** Parameters with several, as `V1,V2`. */
  grid: { [name: string]: string };
  /** Parameters that a sampler chooses, as `NAME=1..16`; those with a range in the notebook when none is named. */
  search: string[];
  /** How many points a sampler chooses; null: every combination is run. */
  trials: number | null;
  runs: number;
  /** Why it cannot be run as it stands. */
  problem: string | null;
}

/**
 * Read a form: empty fields keep the notebook's default, commas separate the values of a grid.
 *
 * With a number of trials, what has several values or a range such as `1e-4..1 log` is searched instead.
 */
export function plan(
  parameters: ReadonlyArray<Parameter>,
  typed: { [name: string]: string },
  trials = ''
): IPlan {
  const isSearch = trials.trim() !== '';
  const found: IPlan = { param: {}, grid: {}, search: [], trials: null, runs: 1, problem: null };
  if (isSearch) {
    found.trials = found.runs = Number(trials);
    if (!/^[1-9]\d*$/.test(trials.trim())) {
      found.problem = `trials: ${trials.trim()} (int)`;
    }
  }
  for (const parameter of parameters) {
    const range = (typed[parameter.name] ?? '').trim();
    if (range.includes('..')) {
      found.search.push(`${parameter.name}=${range}`);
      if (!isSearch) {
        found.problem ??= `${parameter.name}: ${range} (trials?)`;
      }
      continue;
    }
    const values = split(parameter, typed[parameter.name] ?? '');
    const wrong = values.find(value => !fits(parameter, value));
    if (wrong !== undefined) {
      found.problem ??= `${parameter.name}: ${wrong} (${parameter.type})`;
    }
    if (values.length === 1) {
      found.param[parameter.name] = values[0];
    } else if (values.length > 1 && isSearch) {
      found.search.push(`${parameter.name}=${values.join(',')}`);
    } else if (values.length > 1) {
      found.grid[parameter.name] = values.join(',');
      found.runs *= values.length;
    }
  }
  return found;
}

/** The values a parameter suggests by itself. */
export function valuesOf(parameter: Parameter): string[] {
  return parameter.choices?.map(String) ?? (parameter.default === null ? [] : [String(parameter.default)]);
}

function split(parameter: Parameter, typed: string): string[] {
  const isOne = ['list', 'tuple', 'set', 'frozenset', 'dict', 'any'].includes(parameter.type);
  const parts = isOne ? [typed] : typed.split(',');
  return parts.map(part => part.trim()).filter(Boolean);
}

/** Whether a value can be right; the server knows better and has the last word. */
function fits(parameter: Parameter, value: string): boolean {
  if (parameter.is_optional && value === 'None') {
    return true;
  }
  if (parameter.type === 'int') {
    return /^[-+]?\d[\d_]*$/.test(value) && isWithin(parameter, Number(value.replace(/_/g, '')));
  }
  if (parameter.type === 'float') {
    return Number.isFinite(Number(value)) && isWithin(parameter, Number(value));
  }
  if (parameter.choices !== null) {
    return parameter.choices.map(String).includes(value);
  }
  return true;
}

function isWithin(parameter: Parameter, value: number): boolean {
  return (
    (parameter.low === null || value >= parameter.low) && (parameter.high === null || value <= parameter.high)
  );
}
