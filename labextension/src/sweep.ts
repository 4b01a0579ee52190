import { Parameter } from './schema';

/** What a filled form asks for. */
export interface IPlan {
  /** Parameters with one value. */
  param: { [name: string]: string };
  /** Parameters with several, as `V1,V2`. */
  grid: { [name: string]: string };
  runs: number;
  /** Why it cannot be run as it stands. */
  problem: string | null;
}

/** Read a form: empty fields keep the notebook's default, commas separate the values of a grid. */
export function plan(parameters: ReadonlyArray<Parameter>, typed: { [name: string]: string }): IPlan {
  const found: IPlan = { param: {}, grid: {}, runs: 1, problem: null };
  for (const parameter of parameters) {
    const values = split(parameter, typed[parameter.name] ?? '');
    const wrong = values.find(value => !fits(parameter, value));
    if (wrong !== undefined) {
      found.problem ??= `${parameter.name}: ${wrong} (${parameter.type})`;
    }
    if (values.length === 1) {
      found.param[parameter.name] = values[0];
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
