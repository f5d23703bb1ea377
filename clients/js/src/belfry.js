import { requester } from './request.js';
import { Sync } from './sync.js';
import { Link } from './link.js';
import { List } from './list.js';
import { Tabs } from './tabs.js';
import { unsettled } from './order.js';
import { Leaving } from './leaving.js';

const heldFor = 5_000; // ms in which an action that is held can be taken back

/** One user's inbox. See belfry.d.ts. */
export class Belfry {
  user;

  #sync;
  #link;
  #lists = new Set();
  #listeners = new Set();
  #state = { status: 'connecting', cursor: '', counts: null, features: [], mutes: null, error: null };
  #told;
  #tabs;
  #heard = Promise.resolve();
  #leaving = new Leaving();
  #held = new Set(); // of what is held: each takes whether to send it
  #holding;
  #options;
  #device;

  constructor(options) {
    this.user = options.user;
    this.#options = options;
    this.#sync = new Sync({
      request: requester(options, this.#leaving), pageSize: options.pageSize, changed: (untold) => this.#changed(untold), leaving: this.#leaving,
    });
    this.#link = new Link({
      sync: this.#sync,
      tell: (status, error) => {
        if (this.#tell(status, error)) this.#post();
      },
      post: (message) => this.#post(message),
    });
    const { url = '', user, language = '' } = options;
    this.#tabs = new Tabs({
      name: `belfry ${new URL(`${url}/v1/users/${encodeURIComponent(user)}`, globalThis.location?.href ?? 'http://localhost')} ${language}`,
      lead: (signal) => this.#link.run(signal),
      poll: (signal) => this.#link.poll(signal),
      hear: (message) => this.#hear(message),
    });
    this.#link.badge().catch(() => {}); // painted before the stream is there
    this.#sync.ensure().catch(() => {});
    this.#tabs.start();
    for (const [name, listener] of this.#events) globalThis.addEventListener?.(name, listener);
    this.#wake().catch(() => {});
  }

  /** `{status, cursor, counts, features, mutes, error}`: another object whenever one of them changed. */
  get state() {
    return this.#state;
  }

  subscribe = (listener) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  list(options) {
    const list = new List(this.#sync, options, (left) => this.#lists.delete(left));
    this.#lists.add(list);
    return list;
  }

  seen = (body) => this.#act('seen', body);
  read = (body) => this.#act('read', body);
  unread = (body) => this.#act('unread', body);
  archive = (body) => this.#act('archive', body);
  unarchive = (body) => this.#act('unarchive', body);
  remove = (body) => this.#act('delete', body);
  snooze = (body) => this.#act('snooze', ends(body));
  unsnooze = (body) => this.#act('unsnooze', body);
  mute = (body) => this.#mute('mute', body);
  unmute = (body) => this.#mute('unmute', body);

  /** Asks for the muted categories, which are in `state` from then on. */
  async mutes() {
    const response = await this.#sync.request(`/inbox/mute?min_version=${this.#sync.store.version}`);
    const mutes = (await response.json()).categories.map(({ category }) => category);
    this.#set({ mutes });
    return mutes;
  }

  /** What the user has set; with a patch (RFC 7396) after it. */
  async preferences(patch) {
    const response = await this.#sync.request('/preferences', patch && {
      method: 'PATCH', headers: { 'Content-Type': 'application/merge-patch+json' }, body: JSON.stringify(patch),
    });
    return response.json();
  }

  /** This browser as a place that notifications come to. */
  device() {
    const { request, store } = this.#sync;
    return (this.#device ??= import('./device.js').then(
      ({ Device }) => new Device({ ...this.#options, client: this, request, items: () => store.items }),
      (error) => {
        this.#device = undefined;
        throw error;
      },
    ));
  }

  /**
   * Shows an action, and sends it with what else is held five seconds after the
   * last of them, or when the page ends. Until then undo() takes it back.
   */
  hold(action, body) {
    clearTimeout(this.#holding);
    this.#holding = setTimeout(() => this.#send(), heldFor);
    let decide;
    const held = new Promise((resolve) => (decide = resolve));
    this.#held.add(decide);
    return {
      done: this.#act(action === 'remove' ? 'delete' : action, ends(body), held),
      undo: () => this.#held.delete(decide) && (decide(false), true),
    };
  }

  /** Reaches what this tab knows of, and nothing that came since. */
  markAll(action, { category } = {}) {
    const { store } = this.#sync;
    if (!store.cursor) return Promise.reject(new Error('Nothing is loaded yet.'));
    const body = { up_to: store.version };
    if (category) body.category = category;
    const seqs = store.all
      .select(store.items.values())
      .filter((item) => unsettled(item) && (!category || item.category === category))
      .map((item) => item.seq);
    if (seqs.length) {
      // Where that is closed seqs and up_to do not go together.
      if (!store.features.includes('time')) return Promise.all([this.#act(action, { seqs }), this.#act(action, body)]);
      body.seqs = seqs;
    }
    return this.#act(action, body);
  }

  /** Tries at once what waits for its time. */
  reconnect = () => {
    this.#link.wake();
    this.#tabs.post({ type: 'wake' });
  };

  close() {
    this.#send();
    this.#tabs.stop();
    for (const [name, listener] of this.#events) globalThis.removeEventListener?.(name, listener);
    for (const list of this.#lists) list.close();
    this.#listeners.clear();
  }

  #events = [
    ['online', this.reconnect],
    ['offline', () => this.#link.cut()],
    ['pagehide', () => {
      this.#leaving.leave();
      this.#send();
      this.#tabs.stop();
    }],
    ['pageshow', () => {
      this.#leaving.stay();
      this.#tabs.start();
    }],
  ];

  // Nothing is loaded on a device that was never subscribed.
  async #wake() {
    const all = await globalThis.navigator?.serviceWorker?.getRegistrations();
    if (all?.some(({ scope }) => scope.includes('/belfry-push/'))) await (await this.device()).keep();
  }

  // Tells the other tabs where this one stands, or what it was sent.
  #post(message) {
    const { cursor, stamp } = this.#sync.store;
    this.#tabs?.post(message ?? { type: 'state', leading: this.#tabs.leading, status: this.#state.status, cursor, stamp });
  }

  #hear(message) {
    const { leading } = this.#tabs;
    if (message.type === 'hello') {
      if (leading) this.#post();
    } else if (message.type === 'wake') {
      this.#link.wake();
    } else {
      // In turn: what follows from one may be a list, which the next one builds on.
      this.#heard = this.#heard.then(() => this.#follow(message)).catch((error) => this.#tell(this.#state.status, error));
    }
  }

  async #follow(message) {
    if (message.frames) return this.#sync.receive(message);
    const { leading } = this.#tabs;
    if (message.leading) this.#tell(message.status);
    // A stream of one's own brings what is missing.
    return leading && this.#state.status === 'live' ? undefined : this.#sync.reach(message);
  }

  #send() {
    clearTimeout(this.#holding);
    for (const decide of this.#held) decide(true);
    this.#held.clear();
  }

  async #mute(mute, body) {
    await this.#act(mute, body);
    await this.#untold();
  }

  // Some tab or device may have muted something: asked for once anybody here wants to know.
  #untold = () => this.#state.mutes && this.mutes().catch(() => {});

  async #act(name, body, held) {
    try {
      const ahead = await this.#sync.act(name, body, held);
      if (!ahead || this.#state.status === 'live') return;
      await this.#sync.list();
      this.#post();
    } catch (error) {
      this.#tell(this.#state.status, error);
      throw error;
    }
  }

  #tell(status, error) {
    const before = this.#state.status;
    if (status === 'live' && before !== 'live') for (const list of this.#lists) list.retry();
    this.#set({ status, error: error ?? (status === before ? this.#state.error : null) });
    return status !== before;
  }

  #changed(untold) {
    if (untold) this.#untold();
    const { store, optimist } = this.#sync;
    const counts = optimist.counts(store);
    const was = this.#state.counts;
    this.#set({
      cursor: store.cursor,
      features: store.features,
      counts: was && counts && JSON.stringify(counts) === JSON.stringify(was) ? was : counts,
    });
    for (const list of this.#lists) list.update();
  }

  #set(changes) {
    if (Object.keys(changes).every((key) => changes[key] === this.#state[key])) return;
    this.#state = { ...this.#state, ...changes };
    if (this.#told) return;
    this.#told = true;
    queueMicrotask(() => {
      this.#told = false;
      for (const listener of this.#listeners) listener();
    });
  }
}

// A snooze ends at a time, however the page says it.
const ends = ({ until, ...body }) => (until === undefined ? body : { ...body, until: new Date(until).toISOString() });
