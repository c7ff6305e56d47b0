// Small helpers for the document. Text always enters as text, never as markup.

export const $ = (id) => document.getElementById(id);

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

/** An element; attributes that start with `on` are event listeners. */
export const el = (tag, attributes = {}, ...children) =>
  fill(document.createElement(tag), attributes, children);

/** An element of SVG. */
export const svg = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

/** Shows or hides parts of the page. */
export function show(wanted, ...ids) {
  for (const id of ids) $(id).hidden = !wanted;
}

/** Shows one part in place of another; the focus goes with it. */
export function swap(from, to) {
  const focused = $(from).contains(document.activeElement);
  show(false, from);
  show(true, to);
  if (focused) $(to).focus();
}

/** Tells people who do not see the page what has happened. */
export function announce(text) {
  $("status").textContent = text;
}

/** Runs listeners while a pointer is over a node or it has the focus. */
export function onAttention(node, begin, end) {
  for (const name of ["mouseenter", "focus"]) node.addEventListener(name, begin);
  for (const name of ["mouseleave", "blur"]) node.addEventListener(name, end);
  return node;
}

/** A text in which each action unit is named, and lights its regions under the pointer. */
export function cited(text, words, on) {
  return text.split(/(AU\d+)/).map((part) => {
    const unit = words.units[part];
    if (!unit) return part;
    const node = el("abbr", { title: unit.name }, part);
    return onAttention(node, () => on.attend(unit.regions), on.leave);
  });
}

/** Colours outside of style sheets: the policy of the page allows no `style` attributes. */
export function place(node, styles) {
  for (const [name, value] of Object.entries(styles)) node.style.setProperty(name, value);
  return node;
}
