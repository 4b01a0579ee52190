// The list of runs: searched, sorted and paged by the kernel, marked to be compared.

const PAGE = 50;

function drawRuns(place, ask, first) {
  const wanted = { typed: '', order_by: first.order_by, offset: first.offset };
  const chosen = new Map();
  let newest = 0;
  let resting = 0;

  const status = make('span', { role: 'status', class: 'grow' });
  const alert = make('div', { role: 'alert' });
  const scroll = make('div', { class: 'scroll' });
  const beside = make('div', { class: 'scroll' });
  const compare = make('button', {
    class: 'primary',
    disabled: true,
    title: 'Mark two runs or more',
    onclick: () => {
      beside.replaceChildren('comparing…');
      newest = ask('compare', { runs: [...chosen.keys()] });
    }
  }, 'Compare');
  const clear = make('button', { disabled: true, onclick: () => choose(() => chosen.clear()) }, 'Clear');
  const page = (label, name, offset) => make('button', { 'aria-label': name, onclick: () => get({ offset: offset() }) }, label);
  let rows = first;
  const end = () => Math.max(0, Math.ceil(rows.total / PAGE) - 1) * PAGE;
  const back = [page('«', 'First page', () => 0), page('‹', 'Previous page', () => Math.max(0, rows.offset - PAGE))];
  const on = [page('›', 'Next page', () => rows.offset + PAGE), page('»', 'Last page', end)];
  const search = make('input', {
    type: 'search',
    placeholder: 'Search: words, or metrics.accuracy > 0.9 and params.depth = 4',
    'aria-label': 'Search runs by words or by an expression such as metrics.accuracy > 0.9',
    spellcheck: 'false',
    oninput: () => {
      clearTimeout(resting);
      resting = setTimeout(() => get({ typed: search.value, offset: 0 }), 150);
    }
  });

  const get = change => {
    Object.assign(wanted, change);
    status.textContent = 'asking the kernel…';
    newest = ask('rows', wanted);
  };

  const choose = change => {
    change();
    compare.disabled = chosen.size < 2;
    clear.disabled = chosen.size === 0;
    compare.textContent = chosen.size ? `Compare ${chosen.size}` : 'Compare';
    for (const row of scroll.querySelectorAll('tr[data-run]')) {
      const isChosen = chosen.has(row.dataset.run);
      row.classList.toggle('chosen', isChosen);
      row.querySelector('input').checked = isChosen;
    }
  };

  const sorter = column => {
    const isUp = rows.order_by === column.field;
    const isDown = rows.order_by === `-${column.field}`;
    const next = column.numeric ? (isDown ? column.field : `-${column.field}`) : isUp ? `-${column.field}` : column.field;
    const onclick = () => {
      get({ order_by: next, offset: 0 });
    };
    const sort = isUp ? 'ascending' : isDown ? 'descending' : 'none';
    const title = `${column.title}${isUp ? ' ▲' : isDown ? ' ▼' : ''}`;
    return make('th', { scope: 'col', class: column.numeric ? 'n' : null, 'aria-sort': sort }, make('button', { onclick, 'data-field': column.field }, title));
  };

  const head = () =>
    make('tr', {}, make('th', { scope: 'col' }, make('span', { class: 'unseen' }, 'Marked')), ...rows.columns.map(column =>
      column.field ? sorter(column) : make('th', { scope: 'col', class: column.numeric ? 'n' : null }, column.title)
    ));

  const line = row => {
    const toggle = () => choose(() => (chosen.has(row.id) ? chosen.delete(row.id) : chosen.set(row.id, true)));
    const box = make('input', { type: 'checkbox', 'aria-label': `Mark ${row.cells[1]} ${row.cells[0]}`, onchange: toggle });
    const cells = row.cells.map((cell, at) => make('td', { class: rows.columns[at].numeric ? 'n' : at === 2 ? row.tone : null }, cell));
    return make('tr', { 'data-run': row.id }, make('td', {}, box), ...cells);
  };

  const show = () => {
    alert.textContent = '';
    const held = document.activeElement?.dataset?.field;
    scroll.replaceChildren(
      rows.rows.length
        ? make('table', {}, make('thead', {}, head()), make('tbody', {}, ...rows.rows.map(line)))
        : make('p', { class: 'faint' }, 'no run matches')
    );
    // The button that sorted is another one now.
    [...scroll.querySelectorAll('[data-field]')].find(button => button.dataset.field === held)?.focus();
    choose(() => undefined);
    const upTo = rows.offset + rows.rows.length;
    status.textContent = rows.total > PAGE ? `${rows.offset + 1}–${upTo} of ${rows.total.toLocaleString()} runs` : `${rows.total} runs`;
    back.forEach(button => (button.disabled = rows.offset === 0));
    on.forEach(button => (button.disabled = upTo >= rows.total));
  };

  place.append(
    make('div', { class: 'line', role: 'search' }, search, compare, clear),
    alert,
    scroll,
    make('div', { class: 'line' }, status, ...back, ...on),
    beside
  );
  show();

  return answer => {
    if (answer.request !== newest) {
      return; // somebody has asked for something else since
    }
    if (answer.kind === 'rows') {
      rows = answer;
      show();
    } else if (answer.kind === 'problem') {
      status.textContent = '';
      beside.replaceChildren();
      alert.textContent = problemText(answer);
    } else {
      const close = make('button', { onclick: () => beside.replaceChildren() }, 'Close the comparison');
      const shown = make('div');
      // Written by our own views, which escape every text.
      shown.innerHTML = answer.html;
      beside.replaceChildren(shown, close);
    }
  };
}

export default {
  initialize: ({ model }) => overlay(model, (place, ask) => drawRuns(place, ask, model.get('first')))
};
