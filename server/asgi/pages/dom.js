// Owns the making of elements. Text from anywhere becomes text nodes and attributes, never markup.

const SVG = "http://www.w3.org/2000/svg";

// An element with attributes; `onclick` and the like are listeners, children are nodes or text.
export function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

// The same of SVG.
export function svg(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child != null && child !== false));
  return node;
}

// A name that may go on in the next line behind its signs, rather than within a word.
export const breakable = (name) => name.split(/(?<=[_/.:-])/).flatMap((part, at) => (at ? [h("wbr"), part] : [part]));

export const byId = (id) => document.getElementById(id);

let made = 0;

// An id that no other element has.
export const newId = (what) => `${what}-${++made}`;

// A row of tabs over panels: [{name, panel}]. Arrow keys move between tabs, as screen readers expect.
export function tabs(label, parts, chosen = () => {}) {
  const buttons = parts.map(({ name, panel }, at) => {
    panel.id ||= newId("panel");
    const button = h("button", { type: "button", role: "tab", id: newId("tab"), "aria-controls": panel.id, onclick: () => choose(at) }, name);
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", button.id);
    return button;
  });
  function choose(at) {
    buttons.forEach((button, position) => {
      button.setAttribute("aria-selected", String(position === at));
      button.tabIndex = position === at ? 0 : -1;
      parts[position].panel.hidden = position !== at;
    });
    chosen(at);
  }
  function move(event) {
    const steps = { ArrowRight: 1, ArrowLeft: -1 };
    if (!(event.key in steps)) return;
    const at = (buttons.indexOf(document.activeElement) + steps[event.key] + buttons.length) % buttons.length;
    event.preventDefault();
    buttons[at].focus();
    choose(at);
  }
  choose(0);
  return h("div", { class: "tabs", role: "tablist", "aria-label": label, onkeydown: move }, buttons);
}
