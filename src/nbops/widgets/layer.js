// What every layer has in common. The static half of an output is what the notebook's file keeps; a layer finds it in
// the page, hides it, and draws the live half in its place for as long as the kernel stands behind it.

/** Make an element; text is always set as text. */
function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) {
      node.addEventListener(name.slice(2), value);
    } else if (typeof value === 'boolean') {
      node.toggleAttribute(name, value);
    } else if (value !== undefined && value !== null) {
      node.setAttribute(name, value);
    }
  }
  node.append(...children.filter(child => child !== null && child !== undefined));
  return node;
}

const SHEET = `
.nbops-live{font:13px/1.5 var(--jp-ui-font-family,system-ui,sans-serif);color:var(--jp-ui-font-color1,#212121)}
.nbops-live .line{display:flex;flex-wrap:wrap;align-items:center;gap:6px;margin:4px 0}
.nbops-live .grow{flex:1 1 auto}
.nbops-live button,.nbops-live input,.nbops-live select{font:inherit;color:inherit;min-height:26px;box-sizing:border-box;
 background:var(--jp-layout-color1,#fff);border:1px solid var(--jp-border-color0,#767676);border-radius:3px;padding:1px 8px}
.nbops-live button{cursor:pointer}
.nbops-live button:disabled{cursor:default;color:var(--jp-ui-font-color2,#616161);border-color:var(--jp-border-color2,#e0e0e0)}
.nbops-live button.primary:enabled{background:var(--jp-accept-color-normal,var(--jp-brand-color1,#1976d2));color:#fff;
 border-color:var(--jp-accept-color-normal,var(--jp-brand-color1,#1976d2))}
.nbops-live th button{border:0;background:none;padding:0;min-height:0;color:inherit}
.nbops-live :focus-visible{outline:2px solid var(--jp-brand-color1,#0b57d0);outline-offset:1px}
.nbops-live input[type=checkbox]{min-height:0;margin:0}
.nbops-live input[type=search]{flex:1 1 16em;max-width:40em}
.nbops-live tr.chosen td{background:var(--jp-layout-color2,#eee)}
.nbops-live .scroll{overflow-x:auto}
.nbops-live [role=alert]{color:var(--jp-error-color0,#b71c1c);white-space:pre-wrap}
.nbops-live .fields{display:grid;grid-template-columns:max-content minmax(12em,28em);gap:6px 12px;align-items:center}
.nbops-live .help{grid-column:2;margin-top:-4px;color:var(--jp-ui-font-color2,#616161);font-size:12px}
.nbops-live summary{cursor:pointer;margin:6px 0;width:max-content}
.nbops-live progress{width:140px}
.nbops-live .unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
`;

/** Whoever draws gets a root to draw into, and `ask`, which sends a message and hands each answer to `hear`. */
function overlay(model, draw) {
  const id = model.get('layer');
  const drawn = new Map();
  const asked = new Map();
  let last = 0;
  let isWanted = false;

  const hear = message => {
    const back = asked.get(message.request);
    if (back && !back.isGone()) {
      back.hear(message);
    }
  };

  const over = node => {
    const root = make('div', { class: 'nbops nbops-live' }, make('style', {}, SHEET));
    const place = make('div');
    root.append(place);
    for (const child of node.children) {
      child.hidden = true;
    }
    node.append(root);
    const hears = draw(place, (kind, message) => {
      asked.set(++last, { hear: answer => hears(answer), isGone: () => !root.isConnected });
      model.send({ kind, request: last, ...message });
      return last;
    });
    return () => {
      root.remove();
      for (const child of node.children) {
        child.hidden = false;
      }
    };
  };

  // The page makes and drops outputs as one scrolls, and shows one in a second view.
  const look = () => {
    isWanted = false;
    for (const [node, undo] of drawn) {
      if (!node.isConnected) {
        undo();
        drawn.delete(node);
      }
    }
    for (const node of document.querySelectorAll(`[data-nbops-layer="${id}"]`)) {
      if (!drawn.has(node)) {
        drawn.set(node, over(node));
      }
    }
  };
  const observer = new MutationObserver(() => {
    if (!isWanted) {
      isWanted = true;
      requestAnimationFrame(look);
    }
  });
  const end = () => {
    observer.disconnect();
    model.off('msg:custom', hear);
    for (const undo of drawn.values()) {
      undo();
    }
    drawn.clear();
  };

  model.on('msg:custom', hear);
  // The kernel was restarted or is gone: what nobody answers is taken away again.
  model.on('comm_live_update', end);
  observer.observe(document.body, { childList: true, subtree: true });
  look();
  return end;
}

/** A problem as a person reads it: what happened, and the cure. */
function problemText({ message, hint }) {
  return hint ? `${message}\n→ ${hint}` : message;
}
