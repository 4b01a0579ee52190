// The page: a form made from the signature, the answer, and whether this browser answers as the notebook did.

import { load } from './predict.js';

const at = id => document.getElementById(id);

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** The control of one column; unseen categories can be typed, so a list only suggests. */
function control(column, place) {
  const id = `field-${place}`;
  const name = column.name;
  const hint = element('small', { id: `${id}-hint`, textContent: seen(column) });
  const input = element('input', { id, name: String(place), required: !column.optional });
  input.setAttribute('aria-describedby', hint.id);
  const parts = [element('label', { htmlFor: id, textContent: name }), input, hint];
  if (column.kind === 'boolean') {
    const words = column.optional ? ['', 'true', 'false'] : ['true', 'false'];
    const select = element('select', { id, name: String(place) });
    select.append(...words.map(word => element('option', { value: word, textContent: word || '(missing)' })));
    parts[1] = select;
  } else if (column.kind === 'number' || column.kind === 'integer') {
    Object.assign(input, { type: 'number', step: column.kind === 'integer' ? '1' : 'any' });
  } else if (column.categories) {
    const list = element('datalist', { id: `${id}-list` });
    list.append(...column.categories.map(category => element('option', { value: category })));
    input.setAttribute('list', list.id);
    parts.push(list);
  }
  return element('div', { className: 'field' }, ...parts);
}

function seen(column) {
  if (column.categories) {
    const more = column.categories.length > 6 ? ', …' : '';
    return `${column.kind}, seen: ${column.categories.slice(0, 6).join(', ')}${more}`;
  }
  const range = typeof column.minimum === 'number' ? `, seen: ${column.minimum} to ${column.maximum}` : '';
  return column.kind + range + (column.optional ? ', may be missing' : '');
}

function valueOf(column, text) {
  if (text === '') {
    return column.kind === 'text' && !column.optional ? '' : null;
  }
  return column.kind === 'boolean' ? text === 'true' : ['text', 'category'].includes(column.kind) ? text : Number(text);
}

/** What about a row is unlike training. */
function notes(columns, row) {
  return columns.flatMap(column => {
    const value = row[column.name];
    if (value === null) {
      return [];
    }
    if (column.categories && column.kind === 'category' && !column.categories.includes(value)) {
      return [`${column.name}: ${value} was not seen in training`];
    }
    if (typeof column.minimum === 'number' && (value < column.minimum || value > column.maximum)) {
      return [`${column.name}: ${value} is outside of ${column.minimum} to ${column.maximum}, which training saw`];
    }
    return [];
  });
}

function show(model, row, answer) {
  const { columns, classes } = model.signature;
  const [prediction] = answer.predictions;
  at('prediction').textContent = Array.isArray(prediction) ? prediction.join(', ') : String(prediction);
  const shares = answer.probabilities ? answer.probabilities[0] : null;
  at('probabilities').hidden = shares === null;
  at('probabilities').tBodies[0].replaceChildren(
    ...(shares ?? []).map((share, place) =>
      element(
        'tr',
        {},
        element('th', { scope: 'row', textContent: String(classes[place]) }),
        element('td', { textContent: share.toFixed(4) })
      )
    )
  );
  at('notes').replaceChildren(...notes(columns, row).map(note => element('li', { textContent: note })));
  at('answer').hidden = false;
}

function fill(form, columns, row) {
  columns.forEach((column, place) => {
    const value = row[column.name];
    form.elements[String(place)].value = value === null || value === undefined ? '' : String(value);
  });
}

function complain(error) {
  at('problem').textContent = error.message;
  at('problem').hidden = false;
  at('answer').hidden = true;
}

async function answer(model, form) {
  at('problem').hidden = true;
  const { columns } = model.signature;
  const typed = columns.map((column, place) => [column.name, valueOf(column, form.elements[String(place)].value)]);
  const row = Object.fromEntries(typed);
  try {
    show(model, row, await model.predict([row]));
  } catch (error) {
    complain(error);
  }
}

async function start() {
  const began = performance.now();
  const model = await load('./');
  const { columns, model: name, version, precision, size_bytes: size } = model.signature;
  const took = Math.round(performance.now() - began);
  document.title = `${name}@${version}`;
  at('title').textContent = `${name}@${version}`;
  at('about').textContent =
    `Computed in this page, nothing is sent anywhere. ${precision}, ${size.toLocaleString()} bytes, ready after ${took} ms.`;
  const form = at('form');
  at('fields').replaceChildren(...columns.map(control));
  let place = 0;
  fill(form, columns, model.examples.rows[0]);
  form.addEventListener('submit', event => {
    event.preventDefault();
    void answer(model, form);
  });
  at('example').addEventListener('click', () => {
    place = (place + 1) % model.examples.rows.length;
    fill(form, columns, model.examples.rows[place]);
    void answer(model, form);
  });
  form.hidden = false;
  const found = await model.selfTest();
  const line = at('self-test');
  line.dataset.differ = String(found.differ);
  line.textContent = found.differ
    ? `This browser answers ${found.differ} of ${found.rows} example rows otherwise than the notebook: do not use it here.`
    : `Self-test passed: ${found.rows} of ${found.rows} example rows are answered as in the notebook (largest difference ` +
      `${found.worst.toExponential(1)}, allowed ${found.tolerance}).`;
}

start().catch(error => {
  at('about').textContent = 'The model cannot be loaded.';
  complain(error);
});
