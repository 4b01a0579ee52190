import { text } from './format';
import { IField } from './parts/form';
import { Parameter } from './schema';
import { valuesOf } from './sweep';

/** How a notebook's parameter is asked for; left empty it keeps the notebook's own value. */
export function parameterField(parameter: Parameter): IField {
  return {
    name: parameter.name,
    label: `${parameter.name} (${parameter.type})`,
    placeholder: parameter.source || text(valuesOf(parameter).join(', '), 60),
    help: help(parameter)
  };
}

function help(parameter: Parameter): string {
  const range =
    parameter.low !== null || parameter.high !== null
      ? `${parameter.low ?? ''}..${parameter.high ?? ''}`
      : '';
  const choices = parameter.choices ? parameter.choices.map(choice => text(choice, 40)).join(', ') : '';
  return [parameter.help, range, choices].filter(Boolean).join(' · ');
}
