// A model of the server: one user's row, folded from records, and servers whose
// rows are of different age and whose clocks differ. What a server holds is what
// every client must come to show.

export const CAP = 7; // items of a row
const GONE = 6; // removals that a row remembers

const rank = (item) => ({ urgent: 2, high: 1 })[item.priority] ?? 0;
const expired = (item, now) => item.expires > 0 && item.expires <= now;

export class Row {
  epoch = 7;
  version = 0;
  horizon = 0;
  items = new Map();
  removals = []; // [seq, version]

  copy() {
    const row = Object.assign(new Row(), this);
    row.items = new Map([...this.items].map(([seq, item]) => [seq, { ...item }]));
    row.removals = [...this.removals];
    return row;
  }
}

/** The row after a record at version v and time t. */
export function fold(before, record, v, t) {
  const row = before.copy();
  row.version = v;
  const drop = (seq) => {
    row.items.delete(seq);
    row.removals.push([seq, v]);
  };
  for (const item of [...row.items.values()]) if (expired(item, t)) drop(item.seq);
  const set = (item, flags) => {
    if (Object.keys(flags).some((k) => item[k] !== flags[k])) Object.assign(item, flags, { version: v });
  };
  const named = () => {
    if (record.seqs) return record.seqs.map((seq) => row.items.get(seq)).filter(Boolean);
    const up = Math.min(record.up_to, v - 1);
    return [...row.items.values()].filter((i) => !i.archived && i.seq <= up && i.back <= up && (!record.category || i.category === record.category));
  };
  switch (record.kind) {
    case 'notify': {
      const item = { seq: v, version: v, read: false, seen: false, archived: false, count: 1, back: 0, ...record.item };
      const mate = item.collapse_key && [...row.items.values()].find((i) => i.collapse_key === item.collapse_key && !i.archived);
      if (mate) {
        item.count = mate.count + 1;
        item.replaces = mate.seq;
        drop(mate.seq);
      }
      row.items.set(v, item);
      break;
    }
    case 'seen': for (const i of named()) set(i, { seen: true }); break;
    case 'read': for (const i of named()) set(i, { read: true, seen: true }); break;
    case 'unread': for (const i of named()) set(i, { read: false }); break;
    case 'archive': for (const i of named()) set(i, { archived: true }); break;
    case 'unarchive': for (const i of named()) if (i.archived) set(i, { archived: false, back: v }); break;
    case 'delete': for (const i of named()) drop(i.seq); break;
  }
  for (const seq of [...row.items.keys()].sort((a, b) => a - b).slice(0, Math.max(0, row.items.size - CAP))) drop(seq);
  while (row.removals.length > GONE && row.removals[0][1] < v) row.horizon = row.removals.shift()[1];
  return row;
}

export const cursorOf = (row, version = row.version) => (version ? `${row.epoch}.${version}` : '0.0');

const view = ({ back, expires, ...item }) => ({ ...item });

export function badge(row, now) {
  const counts = { unread: 0, unseen: 0, urgent: 0, categories: {} };
  let x = 0;
  for (const item of row.items.values()) {
    if (expired(item, now)) x++;
    else if (!item.read && !item.archived) {
      counts.unread++;
      if (!item.seen) counts.unseen++;
      if (rank(item)) counts.urgent++;
      const of = (counts.categories[item.category] ??= { unread: 0, unseen: 0 });
      of.unread++;
      if (!item.seen) of.unseen++;
    }
  }
  return { user: 'u', version: row.version, cursor: cursorOf(row), x, ...counts };
}

/** All that a list with these parameters holds, first to last. */
export function select(row, now, { status = 'all', category, order = 'newest' }) {
  return [...row.items.values()]
    .filter((i) => !expired(i, now) && i.archived === (status === 'archived') && (status !== 'unread' || !i.read) && (!category || i.category === category))
    .sort((a, b) => (order === 'importance' ? rank(b) - rank(a) : 0) || b.seq - a.seq)
    .map(view);
}

/** One page, as the server answers it. late holds the seqs whose content has not come. */
export function page(row, now, params, late = new Set()) {
  const { before, limit, order } = params;
  let items = select(row, now, params);
  if (before) {
    const [r, seq] = before.split('.').map(Number);
    items = items.filter((i) => (order === 'importance' && rank(i) !== r ? rank(i) < r : i.seq < seq));
  }
  const shown = items.slice(0, Number(limit));
  const last = shown.at(-1);
  const pending = shown.filter((i) => late.has(i.seq)).map((i) => i.seq);
  const cursor = pending.length ? Math.min(...pending) - 1 : row.version;
  return {
    ...badge(row, now),
    cursor: cursorOf(row, cursor),
    features: [],
    items: shown.map((i) => hide(i, late)),
    ...(items.length > shown.length ? { next: `${rank(last)}.${last.seq}` } : {}),
  };
}

function hide(item, late) {
  if (!late.has(item.seq)) return item;
  const { title, ...rest } = item;
  return { ...rest, pending: true };
}

/** One stream of one server, from a cursor. */
export class Stream {
  constructor(server, cursor) {
    this.server = server;
    [this.epoch, this.told] = cursor.split('.').map(Number);
    this.id = cursor;
    this.fresh = true;
    this.gone = new Set();
    this.pending = new Set();
  }

  /** The next batch, or undefined. gaveUp ends the wait for the cursor's version. */
  step(now, gaveUp) {
    const { row, late } = this.server;
    if (this.fresh) {
      const foreign = this.told > 0 && this.epoch !== row.epoch;
      if (!foreign && this.told > row.version && !gaveUp) return undefined;
      this.fresh = false;
      if (foreign || this.told > row.version) return this.resync(foreign ? cursorOf(row) : this.id);
    }
    if (row.version < this.told) return undefined;
    if (this.told < row.horizon) return this.resync(cursorOf(row));
    const moved = row.version > this.told;
    const state = { version: row.version, read: [], unread: [], seen: [], archived: [], removed: row.removals.filter(([, v]) => v > this.told).map(([seq]) => seq) };
    const items = [];
    const gone = new Set();
    for (const i of row.items.values()) {
      if (expired(i, now)) {
        gone.add(i.seq);
        state.removed.push(i.seq);
      } else if (this.pending.has(i.seq) && !late.has(i.seq)) items.push(view(i));
      else if (i.version <= this.told) continue;
      else if (i.seq > this.told || i.back > this.told) items.push(hide(view(i), late));
      else {
        state[i.read ? 'read' : 'unread'].push(i.seq);
        if (!i.read && i.seen) state.seen.push(i.seq);
        if (i.archived) state.archived.push(i.seq);
      }
    }
    if (!moved) state.removed = state.removed.filter((seq) => !this.gone.has(seq));
    this.gone = gone;
    const told = [state.read, state.unread, state.archived, state.removed].some((l) => l.length);
    if (!moved && !items.length && !told) return undefined;
    const waiting = [...this.pending].filter((seq) => late.has(seq) && row.items.has(seq));
    this.pending = new Set([...waiting, ...items.filter((i) => i.pending).map((i) => i.seq)]);
    this.told = row.version;
    const from = this.id;
    this.id = cursorOf(row, this.pending.size ? Math.max(Number(from.split('.')[1]), Math.min(...this.pending) - 1) : row.version);
    const frames = items.map((data) => ({ event: 'item', data }));
    if (told) frames.push({ event: 'state', data: state });
    frames.push({ event: 'unread', data: badge(row, now) });
    return structuredClone({ from, frames, to: this.id });
  }

  resync(id) {
    const from = this.id;
    this.id = id;
    [this.epoch, this.told] = id.split('.').map(Number);
    this.gone = new Set();
    // The rest of the list is brought later.
    this.pending = new Set(this.server.late);
    return { from, frames: [{ event: 'resync', data: { version: this.told } }], to: id };
  }
}
