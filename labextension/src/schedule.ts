import { TranslationBundle } from '@jupyterlab/translation';

import { parameterField } from './parameter-field';
import { IField } from './parts/form';
import { Parameter, Routes } from './schema';

/** Answers of the form by the names of its fields. */
export type Answers = { readonly [name: string]: string };

const PARAMETER = 'parameter ';
const HOURS = [1, 6, 24];

/** What is asked of a person who wants a notebook to run again by itself, with the answers there are. */
export function scheduleFields(
  known: ReadonlyArray<Parameter>,
  answers: Answers,
  trans: TranslationBundle
): IField[] {
  const parameters = known.map(parameter => {
    const field = parameterField(parameter);
    return { ...field, name: PARAMETER + field.name };
  });
  const fields = [...whenFields(trans), ...parameters, ...howFields(trans)];
  return fields.map(field => ({ ...field, value: answers[field.name] ?? field.value }));
}

function whenFields(trans: TranslationBundle): IField[] {
  return [
    {
      name: 'cron',
      label: trans.__('Times'),
      value: '0 3 * * *',
      placeholder: trans.__('every five minutes'),
      help: trans.__(
        'Minute, hour, day of the month, month, day of the week. With a condition it is looked at then, and the notebook runs if one holds.'
      )
    },
    {
      name: 'new-data',
      label: trans.__('When there is new data'),
      placeholder: 'data/*.parquet',
      help: trans.__('Files, a folder, or the address of a page')
    },
    {
      name: 'model-age',
      label: trans.__('When a model is old'),
      placeholder: 'churn@production>30d'
    },
    {
      name: 'metric',
      label: trans.__('When a metric is bad'),
      placeholder: 'accuracy<0.9',
      help: trans.__('As the notebook’s last run logged it')
    }
  ];
}

function howFields(trans: TranslationBundle): IField[] {
  const hours = HOURS.map(count => [String(count * 3600), trans._n('%1 hour', '%1 hours', count)] as const);
  const fields: IField[] = [
    {
      name: 'name',
      label: trans.__('Name'),
      placeholder: trans.__('the notebook’s'),
      help: trans.__('A notebook with several schedules needs a name for each')
    },
    {
      name: 'retries',
      label: trans.__('Further tries of a failed run'),
      choices: ['0', '1', '2', '3'].map(count => [count, count] as const),
      value: '0'
    },
    {
      name: 'timeout',
      label: trans.__('Longest time of a run'),
      choices: [['', trans.__('unlimited')], ['600', trans.__('10 minutes')], ...hours],
      value: ''
    },
    {
      name: 'notify',
      label: trans.__('Notice to'),
      placeholder: 'team',
      help: trans.__('Channels of the project’s settings, separated by commas')
    }
  ];
  return fields.map(field => ({ ...field, isAdvanced: true }));
}

/** What a filled form asks the server for. */
export function scheduleWish(notebook: string, answers: Answers): Routes['schedule']['takes'] {
  const parameters = Object.entries(answers).filter(([name, value]) => name.startsWith(PARAMETER) && value);
  const kinds = ['new-data', 'model-age', 'metric'];
  return {
    notebook,
    cron: answers.cron || undefined,
    when: kinds.filter(kind => answers[kind]).map(kind => `${kind}:${answers[kind]}`),
    param: Object.fromEntries(parameters.map(([name, value]) => [name.slice(PARAMETER.length), value])),
    name: answers.name || undefined,
    retries: Number(answers.retries || 0),
    timeout: answers.timeout ? Number(answers.timeout) : undefined,
    notify: (answers.notify ?? '')
      .split(',')
      .map(channel => channel.trim())
      .filter(Boolean)
  };
}
