// The form that deploys: what, under which name, on which engine; then where it stands, with a way to stop it.

function drawDeploy(place, ask, first) {
  const alert = make('div', { role: 'alert' });
  const status = make('span', { role: 'status', class: 'grow' });
  const stages = make('table');
  let isNamed = false;

  const choices = options => options.map(({ value, label }) => make('option', { value }, label));
  const field = (name, label, control, help) => {
    const id = `nbops-${Math.random().toString(36).slice(2)}`;
    control.id = id;
    control.name = name;
    const rows = [make('label', { for: id }, label), control];
    if (help) {
      control.setAttribute('aria-describedby', `${id}-help`);
      rows.push(make('div', { class: 'help', id: `${id}-help` }, help));
    }
    return rows;
  };
  const text = placeholder => make('input', { type: 'text', spellcheck: 'false', placeholder });
  const model = make('select', {}, ...choices(first.models));
  const name = text('');
  const sample = make('select', {}, ...choices(first.samples));
  const engine = make('select', {}, ...choices(first.engines));
  const more = Object.fromEntries(first.more.map(option => [option.name, text(option.placeholder)]));
  const sampleRows = field('sample', 'Training rows', sample, 'From them the model’s columns and its proof are taken');

  const fill = () => {
    const chosen = first.models.find(({ value }) => value === model.value);
    sampleRows.forEach(row => (row.hidden = !chosen?.is_variable));
    if (!isNamed) {
      name.value = chosen?.endpoint ?? '';
    }
  };
  model.addEventListener('change', fill);
  name.addEventListener('input', () => (isNamed = true));

  const start = make('button', { class: 'primary', type: 'submit' }, 'Deploy');
  const cancel = make('button', {
    type: 'button',
    hidden: true,
    onclick: () => {
      cancel.disabled = true;
      status.textContent = 'cancelling at the next step…';
      ask('cancel', {});
    }
  }, 'Cancel');
  const fields = make('div', { class: 'fields' },
    ...field('model', 'Model', model),
    ...field('name', 'Endpoint', name, 'A new name makes a new address'),
    ...sampleRows,
    ...field('engine', 'Engine', engine)
  );
  const rest = make('details', {}, make('summary', {}, 'More options'), make('div', { class: 'fields' },
    ...first.more.flatMap(option => field(option.name, option.label, more[option.name], option.help))));

  const run = isRunning => {
    for (const control of [...form.querySelectorAll('input,select'), start]) {
      control.disabled = isRunning;
    }
    cancel.hidden = !isRunning;
    cancel.disabled = false;
    if (isRunning) {
      cancel.focus();
    }
  };

  const form = make('form', {
    'aria-label': 'Deploy a model',
    onsubmit: event => {
      event.preventDefault();
      alert.textContent = '';
      status.textContent = 'It is built, started and checked first; what answers now goes on until then.';
      const typed = controls =>
        Object.fromEntries(Object.entries(controls).map(([key, control]) => [key, control.value.trim()]));
      run(true);
      ask('deploy', { ...typed({ model, name, sample, engine }), more: typed(more) });
    }
  }, fields, rest, make('div', { class: 'line' }, start, cancel, status), alert, make('div', { class: 'scroll' }, stages));
  // The notebook's own keys are not for what is typed here.
  form.addEventListener('keydown', event => event.stopPropagation());
  place.append(form);
  fill();

  return answer => {
    if (answer.kind === 'problem') {
      run(false);
      status.textContent = '';
      alert.textContent = problemText(answer);
      start.focus();
    } else if (answer.kind === 'stages') {
      stages.replaceChildren(...answer.stages.map(stage => make('tr', {},
        make('td', { class: stage.state === 'failed' ? 'bad' : stage.state === 'ended' ? 'good' : 'busy' },
          `${{ running: '…', ended: '✓', failed: '✗' }[stage.state]} ${stage.title}`),
        make('td', {}, stage.total && stage.state === 'running'
          ? make('progress', { max: stage.total, value: stage.done, 'aria-label': stage.title }) : ''),
        make('td', { class: 'n' }, `${stage.seconds.toFixed(1)} s`),
        make('td', {}, stage.left),
        make('td', {}, stage.note))));
    }
  };
}

export default {
  initialize: ({ model }) => overlay(model, (place, ask) => drawDeploy(place, ask, model.get('first')))
};
