// What the parts of the ops page draw with: texts, tables that keep their rows,
// and pictures that say in words what they show.

export const $ = (id) => document.getElementById(id);

const whole = new Intl.NumberFormat();
const fine = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const stamp = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

export const number = (n) => (Math.abs(n) < 100 && n % 1 !== 0 ? fine.format(n) : whole.format(Math.round(n)));
export const time = (text) => (text ? stamp.format(new Date(text)) : '–');

/** Seconds for people, in at most two units. */
export function span(seconds) {
  if (seconds === undefined || seconds === null) return '–';
  if (seconds < 60) return `${seconds < 10 ? fine.format(seconds) : Math.round(seconds)} s`;
  const units = [['d', 86400], ['h', 3600], ['min', 60], ['s', 1]];
  const first = units.findIndex(([, size]) => seconds >= size);
  const [unit, size] = units[first];
  const count = Math.floor(seconds / size);
  const next = units[first + 1];
  const rest = next ? Math.floor((seconds - count * size) / next[1]) : 0;
  return rest ? `${count} ${unit} ${rest} ${next[0]}` : `${count} ${unit}`;
}

export function make(name, className = '', text = undefined) {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function svg(name, attributes) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

// Who listens is not told again what has not changed, and a selection stays.
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Shows rows in the body of a table and keeps the elements of each row that
 * stays, so that the focus stays as well. A row is `{key, cells}`; the first
 * cell is its header. A cell is a text, `{text, className}`, or a function that
 * is given the cell and what it had before.
 */
export function fill(table, rows, empty = 'None.') {
  const body = table.tBodies[0];
  const focused = body.contains(document.activeElement) ? document.activeElement : undefined;
  if (rows.length === 0) {
    const columns = table.tHead.rows[0].cells.length;
    rows = [{ key: '', cells: [(cell) => { cell.colSpan = columns; say(cell, empty); }] }];
  }
  const known = new Map([...body.rows].map((row) => [row.dataset.key, row]));
  rows.forEach(({ key, cells }, i) => {
    let row = known.get(String(key));
    known.delete(String(key));
    if (!row) {
      row = make('tr');
      row.dataset.key = key;
      cells.forEach((_, column) => {
        const cell = make(column === 0 && key !== '' ? 'th' : 'td');
        if (column === 0 && key !== '') cell.scope = 'row';
        row.append(cell);
      });
    }
    cells.forEach((content, column) => {
      const cell = row.cells[column];
      if (typeof content === 'function') content(cell);
      else if (typeof content === 'object') {
        cell.className = content.className;
        say(cell, content.text);
      } else say(cell, String(content));
    });
    if (body.rows[i] !== row) body.insertBefore(row, body.rows[i] ?? null);
  });
  for (const row of known.values()) row.remove();
  // A row that was moved has lost it.
  if (focused && focused !== document.activeElement && body.contains(focused)) focused.focus({ preventScroll: true });
}

export const figure = (n) => ({ text: typeof n === 'number' ? number(n) : n, className: 'number' });
export const long = (text) => ({ text, className: 'break' });

/** A cell with one button, made once. */
export function press(label, name, act) {
  return (cell) => {
    let button = cell.querySelector('button');
    if (!button) {
      button = make('button');
      button.type = 'button';
      button.addEventListener('click', () => button.act());
      cell.append(button);
    }
    button.act = act;
    say(button, label);
    button.setAttribute('aria-label', name);
  };
}

const stateTexts = { reconnecting: 'reconnecting, answers as before', waiting: 'waiting for its topic' };

/** A cell with a state: the word first, then how far, then why. */
export function state(status) {
  return (cell) => {
    const name = status.state ?? status.phase;
    cell.className = 'state';
    cell.dataset.state = name;
    let text = stateTexts[name] ?? name;
    const p = status.progress;
    if (p) text += ` ${Math.floor(p.percent)}%${p.eta_seconds === undefined ? '' : `, ${span(p.eta_seconds)} left`}`;
    let [label, bar, why] = ['label', 'bar', 'why'].map((part) => cell.querySelector(`.${part}`));
    if (!label) {
      label = make('span', 'label');
      bar = make('progress', 'bar');
      bar.max = 100;
      bar.setAttribute('aria-label', `Recovery of ${status.name}`);
      why = make('span', 'why');
      cell.append(label, bar, why);
    }
    say(label, text);
    bar.hidden = !p;
    if (p) bar.value = p.percent;
    const reasons = [...(status.refused ?? []), ...(status.waiting ?? [])];
    if (status.error && name !== 'running') reasons.unshift(status.error);
    say(why, reasons.join('; '));
    why.hidden = reasons.length === 0;
  };
}

const width = 120;
const height = 28;
const remembered = 80; // values of a series

/** The latest values of a figure, and the line that shows them. */
export class Series {
  #values = [];
  #line;
  #name;
  #text;
  element;

  constructor(name, text = number) {
    this.#name = name;
    this.#text = text;
    this.element = svg('svg', { class: 'spark', viewBox: `0 0 ${width} ${height}`, role: 'img', preserveAspectRatio: 'none' });
    this.#line = svg('polyline', {});
    this.element.append(this.#line);
  }

  add(value) {
    this.#values.push(value);
    if (this.#values.length > remembered) this.#values.shift();
    const values = this.#values;
    const low = Math.min(...values);
    const high = Math.max(...values);
    const y = (v) => (high === low ? (high === 0 ? height - 1 : height / 2) : height - 1 - ((v - low) / (high - low)) * (height - 2));
    const x = (i) => (values.length < 2 ? 0 : (i / (values.length - 1)) * width);
    this.#line.setAttribute('points', values.map((v, i) => `${x(i).toFixed(1)},${y(v).toFixed(1)}`).join(' '));
    const t = this.#text;
    this.element.setAttribute('aria-label', `${this.#name}: now ${t(values.at(-1))}, lowest ${t(low)}, highest ${t(high)} while watched`);
  }
}

const box = { width: 225, height: 42, gapX: 18, gapY: 30, perRow: 4 };

/** The graph of what reads and writes which topics, from top to bottom. */
export function topology({ nodes, edges }) {
  const layers = [];
  for (const node of nodes) (layers[node.column] ??= []).push(node);
  const rows = layers.filter(Boolean).flatMap((layer) => {
    const out = [];
    for (let i = 0; i < layer.length; i += box.perRow) out.push(layer.slice(i, i + box.perRow));
    return out;
  });
  const columns = Math.max(1, ...rows.map((row) => row.length));
  const w = columns * (box.width + box.gapX) + box.gapX;
  const h = rows.length * (box.height + box.gapY) + box.gapY;
  const at = new Map();
  rows.forEach((row, r) => row.forEach((node, c) => {
    const left = (w - row.length * (box.width + box.gapX) + box.gapX) / 2 + c * (box.width + box.gapX);
    at.set(node.name, { x: left, y: box.gapY / 2 + r * (box.height + box.gapY), node });
  }));
  const picture = svg('svg', { viewBox: `0 0 ${w} ${h}`, role: 'img', 'aria-label': described(nodes, edges) });
  const marker = svg('marker', { id: 'arrow', viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: 'auto' });
  marker.append(svg('path', { d: 'M0 0L8 4L0 8z' }));
  const defs = svg('defs', {});
  defs.append(marker);
  picture.append(defs);
  for (const { from, to } of edges) {
    const [a, b] = [at.get(from), at.get(to)];
    if (!a || !b) continue;
    const [x1, y1, x2, y2] = [a.x + box.width / 2, a.y + box.height, b.x + box.width / 2, b.y];
    const bend = (y2 - y1) / 2;
    picture.append(svg('path', { class: 'edge', d: `M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}`, 'marker-end': 'url(#arrow)' }));
  }
  for (const { x, y, node } of at.values()) {
    const group = svg('g', { class: `${node.kind} ${node.state ?? ''}` });
    group.append(svg('rect', { x, y, width: box.width, height: box.height, rx: node.kind === 'group' ? 12 : 3 }));
    const name = svg('text', { x: x + box.width / 2, y: y + 18 });
    name.textContent = node.name.length > 34 ? `${node.name.slice(0, 32)}…` : node.name;
    const note = svg('text', { class: 'note', x: x + box.width / 2, y: y + 34 });
    note.textContent = node.kind === 'group' ? `${node.state || 'unknown'}, lag ${number(node.lag)}` : node.kind;
    const title = svg('title', {});
    title.textContent = node.name;
    group.append(title, name, note);
    picture.append(group);
  }
  return picture;
}

function described(nodes, edges) {
  const groups = nodes.filter((node) => node.kind === 'group').length;
  return `${nodes.length - groups} topics and ends, ${groups} groups, ${edges.length} connections; the table below says the same`;
}

/** The terms of a description list. */
export function facts(list, entries) {
  list.replaceChildren(...entries.flatMap(([term, text]) => [make('dt', '', term), make('dd', '', text)]));
}
