// A list of one inbox by filter and order, as a page shows it.
import { Query } from './query.js';
import { top } from './order.js';

export class List {
  #query;
  #sync;
  #notify;
  #listeners = new Set();
  #state = { items: [], loading: true, done: false, error: null };
  #busy;
  #left;

  constructor(sync, options, left) {
    const { store } = sync;
    const query = new Query(options);
    this.#sync = sync;
    this.#left = left;
    if (query.status === 'all' && !query.category && query.order === 'newest') {
      this.#query = store.all;
    } else {
      this.#query = query;
      query.reset(store.all);
      store.queries.add(query);
    }
    this.update();
  }

  get query() {
    return this.#query;
  }

  /** `{items, loading, done, error}`: another object whenever one of them changed. */
  get state() {
    return this.#state;
  }

  get items() {
    return this.#state.items;
  }

  get loading() {
    return this.#state.loading;
  }

  get done() {
    return this.#state.done;
  }

  get error() {
    return this.#state.error;
  }

  subscribe = (listener) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Loads the page below. */
  more = () => (this.#query.done ? Promise.resolve() : this.#load(!this.#query.next));

  /** Asks the server again. */
  refresh = async () => {
    await this.#run(() => this.#sync.list());
  };

  close() {
    this.#sync.store.queries.delete(this.#query);
    this.#listeners.clear();
    this.#left(this);
  }

  /** Takes over what the store shows now. */
  update() {
    const { store, optimist } = this.#sync;
    const query = this.#query;
    const missing = query.low === top;
    // Items stay shown until there is something in their place.
    const items = missing ? this.#state.items : query.select(optimist.items(store));
    this.#set({ items, done: query.done });
    if (!store.cursor || this.#busy || this.#state.error) return;
    // A list shows a page at least, if there is one.
    const thin = !query.done && items.length < this.#sync.pageSize;
    if (missing || query.dirty || thin) this.#load(query.dirty || !query.next);
  }

  /** Tries again after an error. */
  retry() {
    if (this.#state.error) this.#set({ error: null });
    this.update();
  }

  #load(fromTop) {
    return this.#run(() => {
      if (fromTop) this.#query.dirty = false;
      return this.#sync.page(this.#query, fromTop);
    });
  }

  #run(work) {
    this.#busy ??= (async () => {
      try {
        this.#set({ error: null });
        await work();
      } catch (error) {
        this.#query.dirty = true;
        this.#set({ error });
      } finally {
        this.#busy = undefined;
        this.update();
      }
    })();
    return this.#busy;
  }

  #set(changes) {
    const state = { ...this.#state, ...changes };
    state.loading = !!this.#busy || (this.#query.low === top && !state.error);
    if (same(state.items, this.#state.items)) state.items = this.#state.items;
    if (Object.keys(state).every((key) => state[key] === this.#state[key])) return;
    this.#state = state;
    if (this.#notify) return;
    this.#notify = true;
    queueMicrotask(() => {
      this.#notify = false;
      for (const listener of this.#listeners) listener();
    });
  }
}

const same = (a, b) => a.length === b.length && a.every((item, i) => item === b[i]);
