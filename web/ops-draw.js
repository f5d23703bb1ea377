// The tools of the parts of the ops page: texts, tables that keep their rows,
// and pictures that say in words what they show.

export const $ = (id) => document.getElementById(id);

const whole = new Intl.NumberFormat();
const fine = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const stamp = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

export const number = (n) => (Math.abs(n) < 100 && n % 1 !== 0 ? fine.format(n) : whole.format(Math.round(n)));
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const today = (date) => date.toDateString() === new Date().toDateString();

/** The time of day, with the day unless it is today. */
export function asOf(text) {
  if (!text) return '–';
  const date = new Date(text);
  return (today(date) ? clock : stamp).format(date);
}

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

// A listener is not told again what has not changed, and a selection stays.
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

/** A cell with a sum and what it is of, as "5: late 2, failed 3". */
export const reasons = (by) => {
  const [all, each] = [Object.values(by).reduce((a, b) => a + b, 0), Object.entries(by).map(([why, n]) => `${why} ${number(n)}`)];
  return { text: all ? `${number(all)}: ${each.join(', ')}` : '0', className: 'break' };
};

/** Whom an item is for, as the API names it. */
export const audience = (of) => (of === 'all' ? 'everyone' : of || 'the user');

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

/**
 * A cell with a state: the word first, then how far, then why. Of what is unknown
 * it says since when, if that is given.
 */
export function state(status, known) {
  return (cell) => {
    const name = status.state ?? status.phase;
    cell.className = 'state';
    cell.dataset.state = name;
    let text = stateTexts[name] ?? name;
    if (name === 'unknown' && known) text += ` as of ${asOf(known)}`;
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
    const reasons = [...(status.refused ?? []), ...(status.lacks ?? []), ...(status.waiting ?? [])];
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
    this.element = svg('svg', { class: 'spark', viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `${name}: not known yet`, preserveAspectRatio: 'none' });
    this.#line = svg('polyline', {});
    this.element.append(this.#line);
  }

  /** Adds a value; one that is not known leaves the line as it is. */
  add(value) {
    if (value === undefined || value === null) return;
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

const box = { width: 225, height: 42, gapX: 18, gapY: 34, perRow: 4 };
const lane = 14; // as wide as what leads an edge past a row

/** The graph of what reads and writes which topics, from top to bottom. */
export function topology({ nodes, edges }) {
  const { places, ways, w, h } = layout(nodes, edges);
  const picture = svg('svg', { viewBox: `0 0 ${w} ${h}`, role: 'img', 'aria-label': described(nodes, edges) });
  const marker = svg('marker', { id: 'arrow', viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: 'auto' });
  marker.append(svg('path', { d: 'M0 0L8 4L0 8z' }));
  const defs = svg('defs', {});
  defs.append(marker);
  picture.append(defs);
  for (const { from, to, way } of ways) {
    let d = `M${way[0].x} ${way[0].y}`;
    way.slice(1).forEach(({ x, y }, i) => {
      const before = way[i];
      const bend = (y - before.y) / 2;
      d += x === before.x ? `L${x} ${y}` : `C${before.x} ${before.y + bend} ${x} ${y - bend} ${x} ${y}`;
    });
    const path = svg('path', { class: 'edge', d, 'marker-end': 'url(#arrow)' });
    path.dataset.from = from;
    path.dataset.to = to;
    picture.append(path);
  }
  for (const { x, y, node } of places) {
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

/**
 * Where nodes stand, and the way of each edge: past the rows between its ends it
 * goes through lanes of its own, so that it runs behind no node (Sugiyama, Tagawa
 * and Toda 1981).
 */
function layout(nodes, edges) {
  const layers = [];
  for (const node of nodes) (layers[node.column] ??= []).push(node);
  const rows = layers.filter(Boolean).flatMap((layer) => {
    const out = [];
    for (let i = 0; i < layer.length; i += box.perRow) out.push(layer.slice(i, i + box.perRow).map((node) => ({ node, row: 0, width: box.width })));
    return out;
  });
  rows.forEach((row, r) => row.forEach((spot) => { spot.row = r; }));
  const spots = new Map(rows.flat().map((spot) => [spot.node.name, spot]));
  const ways = edges.filter(({ from, to }) => spots.has(from) && spots.has(to)).map(({ from, to }) => {
    const [a, b] = [spots.get(from), spots.get(to)];
    const through = [a];
    for (let r = a.row + 1; r < b.row; r += 1) {
      const spot = { row: r, width: lane };
      rows[r].push(spot);
      through.push(spot);
    }
    return { from, to, through: [...through, b] };
  });
  // Each stands near what leads to it; a lane of an edge that ends further down
  // would else cross all that is between.
  const middle = (spot) => spot.x + spot.width / 2;
  const spread = (row) => {
    let x = 0;
    for (const spot of row) {
      spot.x = x;
      x += spot.width + box.gapX;
    }
    for (const spot of row) spot.x -= (x - box.gapX) / 2;
  };
  rows.forEach((row, r) => {
    if (r > 0) {
      const pull = new Map(row.map((spot, i) => {
        const above = ways.flatMap(({ through }) => through.filter((_, k) => through[k + 1] === spot && through[k].row < r));
        return [spot, above.length ? above.reduce((total, one) => total + middle(one), 0) / above.length : i];
      }));
      row.sort((one, other) => pull.get(one) - pull.get(other));
    }
    spread(row);
  });
  const left = Math.min(...rows.flat().map((spot) => spot.x), 0) - box.gapX;
  const right = Math.max(...rows.flat().map((spot) => spot.x + spot.width), 0) + box.gapX;
  const top = (spot) => box.gapY / 2 + spot.row * (box.height + box.gapY);
  const at = (spot, y) => ({ x: middle(spot) - left, y });
  return {
    w: right - left,
    h: rows.length * (box.height + box.gapY) + box.gapY,
    places: [...spots.values()].map((spot) => ({ x: spot.x - left, y: top(spot), node: spot.node })),
    ways: ways.map(({ from, to, through }) => ({
      from,
      to,
      way: through.flatMap((spot, i) => {
        const points = [];
        if (i > 0) points.push(at(spot, top(spot)));
        if (i < through.length - 1) points.push(at(spot, top(spot) + box.height));
        return points;
      }),
    })),
  };
}

function described(nodes, edges) {
  const groups = nodes.filter((node) => node.kind === 'group').length;
  return `${nodes.length - groups} topics and ends, ${groups} groups, ${edges.length} connections; the table below says the same`;
}

/** The terms of a description list. */
export function facts(list, entries) {
  list.replaceChildren(...entries.flatMap(([term, text]) => [make('dt', '', term), make('dd', '', text)]));
}
