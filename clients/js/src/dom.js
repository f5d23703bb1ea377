// Nodes out of texts, never markup; where panels stand.
/** Makes an element. Functions are handlers, all else attributes; texts become text nodes, never markup. */
export function h(tag, props, ...kids) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (typeof value === 'function') e.addEventListener(name.slice(2), value);
    else set(e, name, value);
  }
  e.append(...kids.flat().filter(Boolean));
  return e;
}

/** Sets an attribute unless it is so already; null, undefined and false take it away. */
export function set(e, name, value) {
  if (value == null || value === false) e.removeAttribute(name);
  else if (e.getAttribute(name) !== `${value}`) e.setAttribute(name, value === true ? '' : value);
}

/** Writes a text unless it is there already: a live region would say it again. */
export function say(e, text) {
  if (e.textContent !== text) e.textContent = text;
}

export const bell = 'M6 9a6 6 0 0 1 12 0c0 6 2 7 2 8H4c0-1 2-2 2-8M10 20a2 2 0 0 0 4 0';

const svg = 'http://www.w3.org/2000/svg';
export function icon(d) {
  const e = document.createElementNS(svg, 'svg');
  const path = document.createElementNS(svg, 'path');
  set(e, 'viewBox', '0 0 24 24');
  set(e, 'aria-hidden', 'true');
  set(path, 'd', d);
  e.append(path);
  return e;
}

/** Puts a panel below what opened it, within the window. */
export function below(panel, { left, right, bottom }, rtl) {
  const { offsetWidth: width, offsetHeight: height, style } = panel;
  const { clientWidth, clientHeight } = document.documentElement;
  style.left = `${Math.max(8, Math.min(rtl ? left : right - width, clientWidth - width - 8))}px`;
  style.top = `${Math.max(8, Math.min(bottom + 6, clientHeight - height - 8))}px`;
}

export const isRTL = (e) => getComputedStyle(e).direction === 'rtl';

export const sheet = (css) => {
  const s = new CSSStyleSheet();
  s.replaceSync(css);
  return s;
};

/** Fills `{…}` in. */
export const fill = (text, values) => text.replace(/{(\w+)}/g, (_, name) => values[name]);
