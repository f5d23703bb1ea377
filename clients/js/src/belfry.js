import { requester } from './request.js';
import { Sync } from './sync.js';
import { Link } from './link.js';
import { List } from './list.js';

const actions = ['seen', 'read', 'unread', 'archive', 'unarchive', 'delete'];

/** One user's inbox. See belfry.d.ts. */
export class Belfry {
  user;

  #sync;
  #link;
  #lists = new Set();
  #listeners = new Set();
  #state = { status: 'connecting', cursor: '', counts: null, features: [], error: null };
  #told;
  #run = new AbortController();
  #sent = Promise.resolve();

  constructor(options) {
    this.user = options.user;
    this.#sync = new Sync({ request: requester(options), pageSize: options.pageSize, changed: () => this.#changed() });
    this.#link = new Link({ sync: this.#sync, tell: (status, error) => this.#tell(status, error), post: () => {} });
    if (options.poll !== false) this.#link.badge().catch(() => {}); // painted before the stream is there
    this.#link.run(this.#run.signal);
    globalThis.addEventListener?.('online', this.reconnect);
    globalThis.addEventListener?.('offline', this.#cut);
  }

  /** `{status, cursor, counts, features, error}`: another object whenever one of them changed. */
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

  /** Reaches what this tab knows of, and nothing that came since. */
  markAll(action, { category } = {}) {
    const { store } = this.#sync;
    if (!store.cursor) return Promise.reject(new Error('Nothing is loaded yet.'));
    const body = { up_to: store.version };
    if (category) body.category = category;
    return this.#act(action, body);
  }

  /** Tries at once what waits for its time. */
  reconnect = () => this.#link.wake();

  close() {
    this.#run.abort();
    globalThis.removeEventListener?.('online', this.reconnect);
    globalThis.removeEventListener?.('offline', this.#cut);
    for (const list of this.#lists) list.close();
    this.#listeners.clear();
  }

  #cut = () => this.#link.cut();

  async #act(name, body) {
    const { store, optimist } = this.#sync;
    const action = optimist.add(store, name, body);
    this.#changed();
    try {
      // One after the other: the last word on an item must be the last in its log.
      const before = this.#sent;
      const answer = (this.#sent = (async () => {
        await before.catch(() => {});
        const response = await this.#sync.request(`/inbox/${name}`, {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify(body),
          keepalive: true,
        });
        return response.json();
      })());
      answer.catch(() => {});
      const badge = await answer;
      action.version = badge.version;
      if (this.#sync.count(badge) && this.#state.status !== 'live') await this.#sync.list(badge.version);
    } catch (error) {
      optimist.drop(action);
      this.#tell(this.#state.status, error);
      this.#changed();
      throw error;
    }
  }

  #tell(status, error) {
    if (status === 'live' && this.#state.status !== 'live') for (const list of this.#lists) list.retry();
    this.#set({ status, error: error ?? (status === this.#state.status ? this.#state.error : null) });
  }

  #changed() {
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
