// Keeps the store in step with the server: lists, pages and what follows from
// answers and batches.
import { DECIDE, STALE, Store, epochOf, versionOf } from './store.js';
import { Optimist } from './optimist.js';
import { compare } from './order.js';

const behindLists = 2; // refused as ahead of the server, until a list asks without a version
const mostItems = 100; // of one page

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Sync {
  store = new Store();
  optimist = new Optimist();
  request;
  pageSize;

  #changed;
  #listing;
  #behind = 0;

  constructor({ request, pageSize = 20, changed }) {
    this.request = request;
    this.pageSize = pageSize;
    this.#changed = () => {
      this.optimist.settle(this.store);
      changed();
    };
  }

  /** Takes an unread object alone and reports whether it is ahead of the items. */
  count(badge) {
    this.store.count(badge);
    this.#changed();
    return compare([badge.version, badge.x ?? 0], this.store.stamp) > 0;
  }

  /** Takes a batch or a resync. It resolves once the store has what follows from it. */
  async take({ frames, to }) {
    const last = frames[frames.length - 1];
    if (last.event === 'resync') {
      const verdict = this.store.judge(to, last.data.version);
      await this.list(last.data.version, verdict === DECIDE);
      return;
    }
    const verdict = this.store.batch(frames, to);
    this.#changed();
    if (verdict && verdict !== STALE) await this.list(last.data.version, verdict === DECIDE);
  }

  /** Whether a batch from that id on leaves nothing out. */
  follows(from) {
    const { cursor } = this.store;
    return !!cursor && (from === '0.0' || epochOf(from) === epochOf(cursor)) && versionOf(from) <= versionOf(cursor);
  }

  /** Lists again, from version on; bare: without a version, so that the answer decides which log is right. */
  async list(version = 0, bare = false) {
    // One that is under way may have begun before what is asked for here.
    while (this.#listing) await this.#listing.catch(() => {});
    this.#listing = this.#list(version, bare || this.#behind >= behindLists);
    try {
      await this.#listing;
    } finally {
      this.#listing = undefined;
    }
  }

  async #list(version, bare) {
    const { store } = this;
    const least = bare ? 0 : Math.max(version, store.version);
    const held = store.all.select(store.items.values()).length;
    const limit = Math.min(mostItems, Math.max(this.pageSize, held));
    let page;
    try {
      page = await this.#get(store.all.params(limit), least);
    } catch (error) {
      if (error.status === 503) this.#behind += 1;
      throw error;
    }
    this.#behind = 0;
    const verdict = store.replace(page, !least);
    if (verdict === DECIDE) return this.#list(0, true);
    if (verdict) throw new Error('The server is behind.');
    this.#changed();
    return undefined;
  }

  /**
   * Loads query's next page; or, from its top, pages down to where it was
   * loaded already, at least one.
   */
  async page(query, fromTop) {
    const { store } = this;
    const goal = query.low;
    let next = fromTop ? undefined : query.next;
    for (let stale = 0; ; ) {
      const { generation } = query;
      const page = await this.#get(query.params(this.pageSize, next), store.version);
      const verdict = store.add(page, query, generation);
      if (verdict === STALE) {
        // A server whose clock is behind: it is right in a moment.
        if (++stale > 5) throw new Error('The server is behind.');
        await sleep(300 * stale);
        continue;
      }
      if (verdict) {
        await this.list(page.version, verdict === DECIDE);
        return;
      }
      this.#changed();
      next = page.next;
      if (!next || query.generation !== generation || !fromTop || query.reached(page, goal)) return;
    }
  }

  async #get(params, version) {
    if (version) params.min_version = version;
    const response = await this.request(`/inbox?${new URLSearchParams(params)}`);
    return response.json();
  }
}
