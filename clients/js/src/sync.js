// Keeps the store in step with the server: lists, pages and what follows from
// answers and batches.
import { DECIDE, LIST, STALE, epochOf, makeStore, versionOf } from './store.js';
import { makeOptimist } from './optimist.js';
import { compare } from './order.js';
import { makeLeaving } from './leaving.js';

const behindLists = 2; // refused as ahead of the server, until a list asks without a version
const mostItems = 100; // of one page
const lateFor = 2_000; // ms until content is asked for again that was late

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const behind = () => new Error('The server is behind.');

/** told is given true when what no list or batch tells may have changed too: one of the user's settings. */
export function makeSync({ request, pageSize = 20, changed: told, leaving = makeLeaving() }) {
  const store = makeStore();
  const optimist = makeOptimist(store);
  let listing;
  let sent = Promise.resolve();
  let refused = 0;

  const changed = (untold) => {
    optimist.settle();
    told(untold);
  };

  const json = async (path, init) => (await request(path, init)).json();

  const get = (params, version) => json(`/inbox?${new URLSearchParams(version ? { ...params, min_version: version } : params)}`);

  /** Takes an unread object alone and reports whether it is ahead of the items. */
  const count = (badge) => {
    store.count(badge);
    changed();
    return store.order(badge) > 0;
  };

  /**
   * Sends an action, which shows at once, and reports whether its answer is
   * ahead of the items. When it is refused all is as it was before; likewise when
   * held, a promise that it waits for, comes to false.
   */
  const act = async (name, body, held) => {
    const action = optimist.add(name, body);
    let badge;
    changed();
    try {
      if (held && !(await held)) return false;
      // One after the other: the last word on an item must be the last in its log.
      // A page that ends sends at once what is left, such as the click that ends it;
      // then their order is the network's.
      const answer = leaving.unless(sent).then(() => json(`/inbox/${name}`, {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body), keepalive: true,
      }));
      sent = answer.catch(() => {});
      badge = await answer;
    } finally {
      if (!badge) {
        optimist.drop(action);
        changed();
      }
    }
    action.version = badge.version;
    action.epoch = epochOf(badge.cursor);
    return count(badge);
  };

  /**
   * Takes a batch or a resync, and resolves once the store has what follows
   * from it, with whether the stream can go on from there.
   */
  const take = async ({ frames, to }) => {
    const { event, data } = frames.at(-1);
    const resync = event === 'resync';
    const verdict = resync ? store.judge({ ...data, cursor: to }) || LIST : store.batch(frames, to);
    // Those removed may be hidden ones: a mute touches what is scheduled too. The sum is a
    // text of seqs, and false where there are none.
    changed(!frames.some(({ data }) => data.seq || data.read + data.unread + data.seen + data.archived));
    if (!verdict || verdict === STALE) {
      late(frames.map((frame) => frame.data), store.all);
      return true;
    }
    await list(data.version, verdict === DECIDE);
    // The stream brings the rest of a list after a resync alone.
    return epochOf(store.cursor) === epochOf(to) && (resync ? store.version : versionOf(store.cursor)) >= versionOf(to);
  };

  /** Takes what another tab was sent. A batch that leaves something out here asks for a list. */
  const receive = (batch) => {
    const { cursor } = store;
    const { from, frames } = batch;
    const follows = cursor && (from === '0.0' || (epochOf(from) === epochOf(cursor) && versionOf(from) <= versionOf(cursor)));
    return follows ? take(batch) : list(frames.at(-1).data.version);
  };

  /** Lists if another tab's items are ahead, or of another log. */
  const reach = async ({ cursor, stamp }) => {
    const [version] = stamp;
    const verdict = store.judge({ cursor, version });
    if (verdict || !store.cursor || compare(stamp, store.stamp) > 0) await list(version, verdict === DECIDE);
  };

  // One that is under way.
  const listed = () => listing?.catch(() => {});

  /** Lists, unless that was done. */
  const ensure = async () => {
    if (listing) await listed();
    if (!store.cursor) await list();
  };

  /** Lists again, from version on; bare: without a version, so that the answer decides which log is right. */
  const list = async (version = 0, bare = false) => {
    // One that is under way may have begun before what is asked for here.
    while (listing) await listed();
    listing = relist(version, bare || refused >= behindLists).finally(() => {
      listing = undefined;
    });
    return listing;
  };

  const relist = async (version, bare) => {
    const { all } = store;
    const least = bare ? 0 : Math.max(version, store.version);
    const page = await get(all.params(Math.min(mostItems, Math.max(pageSize, all.select(store.items.values()).length))), least).catch((error) => {
      if (error.status === 503) refused++;
      throw error;
    });
    refused = 0;
    const verdict = store.replace(page, !least);
    if (verdict === DECIDE) return relist(0, true);
    if (verdict) throw behind();
    changed(true);
    late(page.items, all);
    return undefined;
  };

  /**
   * Loads query's next page; or, from its top, pages down to where it was
   * loaded already, at least one.
   */
  const page = async (query, fromTop) => {
    const goal = query.low;
    let next = fromTop ? undefined : query.next;
    for (let stale = 0; ; ) {
      const { generation } = query;
      const page = await get(query.params(pageSize, next), store.version);
      const verdict = store.add(page, query, generation);
      if (verdict === STALE) {
        // A server whose clock is behind: it is right in a moment.
        if (++stale > 5) throw behind();
        await sleep(300 * stale);
        continue;
      }
      if (verdict) return list(page.version, verdict === DECIDE);
      changed();
      late(page.items, query);
      next = page.next;
      if (!next || query.generation !== generation || !fromTop || query.reached(page, goal)) return undefined;
    }
  };

  // Content that came late comes with a stream from the list's own cursor, or with
  // the one that said so: not to other tabs for sure, and not for other pages.
  const late = async (items, query) => {
    const pending = () => items.some(({ seq }) => store.items.get(seq)?.pending);
    if (!pending()) return;
    await sleep(lateFor);
    if (!pending()) return;
    if (query === store.all) await list().catch(() => {});
    else {
      query.dirty = true;
      changed();
    }
  };

  return { store, optimist, leaving, request, json, pageSize, count, act, take, receive, reach, ensure, list, page };
}
