// Keeps the store in step with the server: lists, pages and what follows from
// answers and batches.
import { DECIDE, LIST, STALE, Store, epochOf, versionOf } from './store.js';
import { Optimist } from './optimist.js';
import { compare } from './order.js';
import { Leaving } from './leaving.js';

const behindLists = 2; // refused as ahead of the server, until a list asks without a version
const mostItems = 100; // of one page
const lateFor = 2_000; // ms until content is asked for again that was late

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Sync {
  store = new Store();
  optimist = new Optimist();
  leaving;
  request;
  pageSize;

  #changed;
  #listing;
  #sent = Promise.resolve();
  #behind = 0;

  /** changed is given true when what no list or batch tells may have changed too: one of the user's settings. */
  constructor({ request, pageSize = 20, changed, leaving = new Leaving() }) {
    this.leaving = leaving;
    this.request = request;
    this.pageSize = pageSize;
    this.#changed = (untold) => {
      this.optimist.settle(this.store);
      changed(untold);
    };
  }

  /** Takes an unread object alone and reports whether it is ahead of the items. */
  count(badge) {
    this.store.count(badge);
    this.#changed();
    return compare([badge.version, badge.x ?? 0], this.store.stamp) > 0;
  }

  /**
   * Sends an action, which shows at once, and reports whether its answer is
   * ahead of the items. When it is refused all is as it was before; likewise when
   * held, a promise that it waits for, comes to false.
   */
  async act(name, body, held = true) {
    const action = this.optimist.add(this.store, name, body);
    this.#changed();
    try {
      if (held !== true && !(await held)) {
        this.optimist.drop(action);
        this.#changed();
        return false;
      }
      // One after the other: the last word on an item must be the last in its log.
      // A page that ends sends at once what is left, such as the click that ends it;
      // then their order is the network's.
      const before = this.#sent;
      const answer = (async () => {
        await this.leaving.unless(before);
        const response = await this.request(`/inbox/${name}`, {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify(body),
          keepalive: true,
        });
        return response.json();
      })();
      this.#sent = answer.catch(() => {});
      const badge = await answer;
      action.version = badge.version;
      action.epoch = epochOf(badge.cursor);
      return this.count(badge);
    } catch (error) {
      this.optimist.drop(action);
      this.#changed();
      throw error;
    }
  }

  /**
   * Takes a batch or a resync, and resolves once the store has what follows
   * from it, with whether the stream can go on from there.
   */
  async take({ frames, to }) {
    const { store } = this;
    const { event, data } = frames[frames.length - 1];
    const resync = event === 'resync';
    const verdict = resync ? store.judge(to, data.version) || LIST : store.batch(frames, to);
    // Those removed may be hidden ones: a mute touches what is scheduled too. The sum is a
    // text of seqs, and false where there are none.
    this.#changed(!frames.some(({ data }) => data.seq || data.read + data.unread + data.seen + data.archived));
    if (!verdict || verdict === STALE) {
      this.#late({ items: frames.filter((frame) => frame.event === 'item').map((frame) => frame.data) }, store.all);
      return true;
    }
    await this.list(data.version, verdict === DECIDE);
    // The stream brings the rest of a list after a resync alone.
    return epochOf(store.cursor) === epochOf(to) && (resync ? store.version : versionOf(store.cursor)) >= versionOf(to);
  }

  /** Takes what another tab was sent. A batch that leaves something out here asks for a list. */
  receive(batch) {
    const { cursor } = this.store;
    const { from, frames } = batch;
    const follows = cursor && (from === '0.0' || (epochOf(from) === epochOf(cursor) && versionOf(from) <= versionOf(cursor)));
    return follows ? this.take(batch) : this.list(frames[frames.length - 1].data.version);
  }

  /** Lists if another tab's items are ahead, or of another log. */
  async reach({ cursor, stamp }) {
    const verdict = this.store.judge(cursor, stamp[0]);
    if (verdict || !this.store.cursor || compare(stamp, this.store.stamp) > 0) await this.list(stamp[0], verdict === DECIDE);
  }

  /** Lists, unless that was done. */
  async ensure() {
    if (this.#listing) await this.#listing.catch(() => {});
    if (!this.store.cursor) await this.list();
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
    this.#changed(true);
    this.#late(page, store.all);
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
      this.#late(page, query);
      next = page.next;
      if (!next || query.generation !== generation || !fromTop || query.reached(page, goal)) return;
    }
  }

  // Content that came late comes with a stream from the list's own cursor, or with
  // the one that said so: not to other tabs for sure, and not for other pages.
  async #late({ items }, query) {
    const { store } = this;
    const late = () => items.some(({ seq }) => store.items.get(seq)?.pending);
    if (!late()) return;
    await sleep(lateFor);
    if (!late()) return;
    if (query === store.all) {
      await this.list().catch(() => {});
    } else {
      query.dirty = true;
      this.#changed();
    }
  }

  async #get(params, version) {
    if (version) params.min_version = version;
    const response = await this.request(`/inbox?${new URLSearchParams(params)}`);
    return response.json();
  }
}
