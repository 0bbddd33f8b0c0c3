// Elements and text. Text from models only ever becomes a text node, with what cannot be seen made visible.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function svg(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

// Control characters as their pictures, direction marks, zero-width characters and halves of surrogate pairs by code.
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g;
const HIDDEN = /[\u0080-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\p{Surrogate}/gu;

function visible(text) {
  return String(text ?? "")
    .replace(/\r\n?/g, "\n")
    .replace(CONTROL, (c) => (c === "\u007f" ? "\u2421" : String.fromCharCode(0x2400 + c.charCodeAt(0))))
    .replace(HIDDEN, (c) => `\u27e8U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}\u27e9`);
}

function select(label, options, value, onchange) {
  const field = h("select", { onchange: () => onchange(field.value) });
  for (const [key, name] of options) field.append(h("option", { value: key, selected: key === value }, name));
  return h("label", {}, label, field);
}

function checkbox(label, checked, onchange, className) {
  const field = h("input", { type: "checkbox", checked, onchange: () => onchange(field.checked) });
  return h("label", { class: className || "check" }, field, label);
}
