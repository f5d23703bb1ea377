// A world of servers, tabs and time, in which everything that may happen at once
// happens in an order that a seed draws.
import { makeLeaving } from '../src/leaving.js';
import { Row, Stream, badge, fold, page, select } from './model.js';

/** Random numbers from a seed (mulberry32). */
export function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

export class World {
  constructor(seed, { makeSync, makeList }) {
    this.random = random(seed);
    this.now = 100;
    this.rows = [new Row()];
    const skew = this.pick([0, 0, 2]);
    this.servers = [0, 1].map(() => ({ row: this.rows[0], skew: Math.round((this.random() * 2 - 1) * skew), late: new Set() }));
    this.requests = [];
    this.timers = [];
    this.tabs = [0, 1, 2].map(() => this.tab(makeSync, makeList));
    this.made = 0;
    this.log = [];
  }

  pick = (list) => list[Math.floor(this.random() * list.length)];

  chance = (p) => this.random() < p;

  get row() {
    return this.rows.at(-1);
  }

  tab(makeSync, makeList) {
    const tab = { inbox: [], busy: false, lists: [], stream: undefined };
    tab.sync = makeSync({
      leaving: makeLeaving(),
      pageSize: 2,
      request: (path, init) => new Promise((resolve, reject) => this.requests.push({ path, init, resolve, reject, age: 0 })),
      changed: () => tab.lists.forEach((list) => list.update()),
    });
    tab.open = (query) => tab.lists.push(Object.assign(makeList(tab.sync, query, () => {}), { query }));
    return tab;
  }

  /** Appends a record of the user's log. */
  append(record) {
    this.rows.push(fold(this.row, record, this.row.version + 1, this.now));
  }

  notify() {
    const n = ++this.made;
    this.append({
      kind: 'notify',
      item: {
        title: `t${n}`, unknown: n, category: this.pick(['a', 'b']), priority: this.pick(['normal', 'normal', 'high', 'urgent']),
        collapse_key: this.pick([undefined, undefined, 'k']), expires: this.pick([0, 0, 0, this.now + 3 + Math.floor(this.random() * 12)]),
      },
    });
    if (this.chance(0.3)) this.servers.forEach((s) => this.chance(0.5) && s.late.add(this.row.version));
  }

  /** The log goes on in another epoch; or it is wiped, and another begins. */
  renew(wipe) {
    const row = this.row.copy();
    row.epoch += 1;
    if (wipe) {
      this.rows = [Object.assign(new Row(), { epoch: row.epoch })];
      this.servers.forEach((s) => { s.row = this.row; s.late.clear(); });
      for (const tab of this.tabs) tab.stream = undefined;
      this.append({ kind: 'notify', item: { title: 'anew', category: 'a', priority: 'normal', expires: 0 } });
    } else {
      this.rows.push(fold(row, { kind: 'touch' }, row.version + 1, this.now));
    }
  }

  answer(request) {
    const { path, init = {}, resolve, reject } = request;
    const refuse = (status) => reject(Object.assign(new Error(String(status)), { status }));
    const server = this.pick(this.servers);
    if (init.method === 'POST') {
      if (!request.written) {
        if (this.chance(0.1)) return refuse(400), true;
        this.append({ kind: path.split('/').pop(), ...JSON.parse(init.body) });
        request.written = this.row.version;
        request.epoch = this.row.epoch;
      }
      if (request.epoch === server.row.epoch && server.row.version < request.written && request.age++ < 6) return false;
      resolve({ json: async () => badge(server.row, this.now + server.skew) });
      return true;
    }
    const params = Object.fromEntries(new URLSearchParams(path.split('?')[1]));
    if (server.row.version < Number(params.min_version ?? 0)) {
      if (request.age++ < 4) return false;
      refuse(503);
      return true;
    }
    const body = structuredClone(page(server.row, this.now + server.skew, params, server.late));
    resolve({ json: async () => body });
    return true;
  }

  async act(tab) {
    const { store } = tab.sync;
    if (!store.cursor) return;
    const seqs = [...store.items.keys()];
    const all = this.chance(0.4);
    const name = all ? this.pick(['seen', 'read', 'archive']) : this.pick(['seen', 'read', 'unread', 'archive', 'unarchive', 'delete']);
    const body = all ? { up_to: store.version, ...(this.chance(0.4) ? { category: 'a' } : {}) } : { seqs: [this.pick(seqs)] };
    if (!all && !seqs.length) return;
    await tab.sync.act(name, body).catch((error) => {
      if (!error.status) throw error;
    });
  }

  // A leader's stream serves the other tabs too. Two may lead at once.
  step(tab, settle) {
    tab.stream ??= tab.sync.store.cursor ? new Stream(this.pick(this.servers), tab.sync.store.cursor) : undefined;
    const batch = tab.stream?.step(this.now + tab.stream.server.skew, settle || this.chance(0.1));
    if (!batch) return;
    for (const other of this.tabs) if (other !== tab) other.inbox.push(batch);
    tab.busy = true;
    const { stream } = tab;
    tab.sync.take(structuredClone(batch)).then(
      (goesOn) => {
        tab.busy = false;
        if (!goesOn && tab.stream === stream) tab.stream = undefined;
      },
      () => {
        tab.busy = false;
        tab.stream = undefined;
      },
    );
  }

  hear(tab) {
    if (tab.hearing || !tab.inbox.length) return;
    const message = structuredClone(tab.inbox.shift());
    tab.hearing = true;
    const done = () => (tab.hearing = false);
    (message.frames ? tab.sync.receive(message) : tab.sync.reach(message.cursor, message.stamp)).then(done, done);
  }

  async run(steps) {
    const real = globalThis.setTimeout;
    globalThis.setTimeout = (fn) => this.timers.push(fn);
    try {
      for (const tab of this.tabs) tab.sync.ensure().catch(() => {});
      for (let i = 0; i < steps; i++) {
        this.once();
        await turn();
      }
      await this.settle();
    } finally {
      globalThis.setTimeout = real;
    }
  }

  once() {
    const tab = this.pick(this.tabs);
    const roll = this.random();
    if (roll < 0.2) this.notify();
    else if (roll < 0.28) this.append({ kind: this.pick(['read', 'unread', 'archive', 'unarchive', 'delete', 'seen', 'touch']), seqs: [this.pick([...this.row.items.keys(), 1])] });
    else if (roll < 0.38) this.act(tab);
    else if (roll < 0.42) this.now += this.pick([1, 2, 5]);
    else if (roll < 0.55) this.pick(this.servers).row = this.row;
    else if (roll < 0.58) this.pick(this.servers).late.clear();
    else if (roll < 0.74) { if (!tab.busy && this.tabs.indexOf(tab) < 2) this.step(tab); }
    else if (roll < 0.84) this.hear(tab);
    else if (roll < 0.87) tab.open({ status: this.pick(['all', 'unread', 'archived']), category: this.pick([undefined, 'a']), order: this.pick(['newest', 'newest', 'importance']) });
    else if (roll < 0.9) tab.lists.length && this.pick(tab.lists).more().catch(() => {});
    else if (roll < 0.92) tab.stream = tab.busy ? tab.stream : undefined;
    else if (roll < 0.93) tab.sync.list().catch(() => {});
    else if (roll < 0.935) this.renew(this.chance(0.4));
    else if (roll < 0.95) tab.sync.count(badge(this.pick(this.servers).row, this.now));
    if (this.timers.length && this.chance(0.5)) this.timers.shift()();
    if (this.requests.length && this.chance(0.7)) {
      const request = this.pick(this.requests);
      if (this.answer(request)) this.requests.splice(this.requests.indexOf(request), 1);
    }
  }

  // Everything arrives, and clocks agree: at a time that the fastest has not reached before.
  async settle() {
    this.now += 3;
    for (const server of this.servers) Object.assign(server, { row: this.row, skew: 0 });
    for (let quiet = 0, i = 0; quiet < 12; i++) {
      if (i > 4000) throw new Error('It does not come to rest.');
      let worked = this.timers.length + this.requests.length > 0;
      for (const server of this.servers) {
        server.row = this.row;
        server.late.clear();
      }
      this.timers.splice(0).forEach((fn) => fn());
      this.requests = this.requests.filter((request) => !this.answer(request));
      for (const tab of this.tabs) {
        if (tab.inbox.length || tab.busy || tab.hearing) worked = true;
        this.hear(tab);
        if (!tab.busy && this.tabs.indexOf(tab) < 2) this.step(tab, true);
        // The words of a leader with each ping.
        const leader = this.tabs[0];
        if (tab !== leader && !tab.inbox.length) tab.inbox.push({ stamp: leader.sync.store.stamp, cursor: leader.sync.store.cursor });
        for (const list of tab.lists) if (list.error) list.retry();
      }
      await turn();
      quiet = worked && i < 3900 && !this.restful() ? 0 : quiet + 1;
    }
  }

  restful() {
    return !this.requests.length && !this.timers.length && this.tabs.every((tab) => !tab.busy && !tab.hearing && tab.inbox.every((m) => !m.frames));
  }

  /** How what the tabs show differs from what the server holds; '' if it does not. */
  difference() {
    for (const [n, tab] of this.tabs.entries()) {
      const want = badge(this.row, this.now);
      const got = tab.sync.counts();
      for (const key of ['version', 'unread', 'unseen', 'urgent', 'categories', 'x']) {
        if (JSON.stringify(sorted(got[key])) !== JSON.stringify(sorted(want[key]))) return `tab ${n}: ${key} is ${JSON.stringify(got[key])}, the server has ${JSON.stringify(want[key])}`;
      }
      for (const list of tab.lists) {
        const query = list.query;
        const held = select(this.row, this.now, query);
        const shown = list.items;
        const part = held.slice(0, shown.length);
        if (list.loading || list.error) return `tab ${n}: a list ${JSON.stringify(query)} is loading ${list.loading}, ${list.error}`;
        if (list.done && held.length !== shown.length) return `tab ${n}: ${JSON.stringify(query)} shows ${shown.map((i) => i.seq)} and no more, the server has ${held.map((i) => i.seq)}`;
        if (shown.length < Math.min(held.length, 1)) return `tab ${n}: ${JSON.stringify(query)} shows nothing, the server has ${held.map((i) => i.seq)}`;
        for (const [i, item] of part.entries()) {
          const { version: was, ...a } = shown[i];
          const { version: is, ...b } = item;
          if (JSON.stringify(sorted(a)) !== JSON.stringify(sorted(b))) return `tab ${n}: ${JSON.stringify(query)} item ${i} is ${JSON.stringify(shown[i])}, the server has ${JSON.stringify(item)}`;
        }
      }
    }
    return '';
  }
}

const sorted = (value) => (value && typeof value === 'object' ? Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined).sort(([a], [b]) => (a < b ? -1 : 1))) : value);
