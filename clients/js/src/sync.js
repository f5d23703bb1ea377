// Keeps the store in step with the server: lists, pages and what follows from
// answers and batches.
import { epochOf, makeStore, versionOf } from './store.js';
import { compare } from './order.js';
import { DECIDE, LIST, STALE } from './verdict.js';

/** told is given true when what no list or batch tells may have changed too: one of the user's settings. */
export function makeSync({ request, pageSize = 20, changed: told, leaving }) {
  const behindLists = 2; // refused as ahead of the server, until a list asks without a version
  const mostItems = 100; // of one page
  const lateFor = 2_000; // ms until content is asked for again that was late
  const store = makeStore();
  const actions = new Set(); // `{name, body, answer}` of those under way, with the answer once it is there
  let acting = { items: () => [...store.items.values()], counts: () => store.counts }; // until there is one
  let listing;
  let sent = Promise.resolve();
  let refused = 0;

  const changed = (untold) => {
    // What the store's own items show by now is forgotten.
    for (const action of actions) {
      const { answer } = action;
      if (answer && (answer.version <= store.version || epochOf(answer.cursor) !== epochOf(store.cursor))) actions.delete(action);
    }
    told(untold);
  };

  /** Has actions show at once from then on. One that cannot be had is asked for again by the next call. */
  const prepare = async () => {
    acting = await import('./acting.js');
    if (actions.size) changed();
    return acting;
  };

  const json = async (path, init) => (await request(path, init)).json();

  const get = (params, version) => json(`/inbox?${new URLSearchParams(version ? { ...params, min_version: version } : params)}`);

  /** Takes an unread object alone. */
  const count = (badge) => {
    store.count(badge);
    changed();
    return badge;
  };

  /**
   * Sends an action, which shows at once, and resolves with its answer. When it is
   * refused all is as it was before; likewise, without an answer, when held, a promise
   * that it waits for, comes to false.
   */
  const act = async (name, body, held) => {
    const action = { name, body };
    actions.add(action);
    prepare().catch(() => {}); // without it the action shows when it is answered
    changed();
    try {
      if (held && !(await held)) return undefined;
      // One after the other: the last word on an item must be the last in its log.
      // A page that ends sends at once what is left, such as the click that ends it;
      // then their order is the network's.
      const answered = leaving.unless(sent).then(() => json(`/inbox/${name}`, {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body), keepalive: true,
      }));
      sent = answered.catch(() => {});
      action.answer = await answered;
    } finally {
      if (!action.answer) {
        actions.delete(action);
        changed();
      }
    }
    return count(action.answer);
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

  /** Lists if what has that cursor and stamp is ahead of the items, or of another log, and resolves with whether it did. */
  const reach = async (cursor, stamp) => {
    const [version] = stamp;
    const verdict = store.judge({ cursor, version });
    if (!verdict && store.cursor && compare(stamp, store.stamp) <= 0) return false;
    await list(version, verdict === DECIDE);
    return true;
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
    if (verdict) throw new Error('The server is behind.');
    changed(true);
    late(page.items, all);
    return undefined;
  };

  /** Loads query's next page, or all of it again from its top. */
  const page = async (query, fromTop) => (await prepare()).page(sync, query, fromTop);

  // Content that came late comes with a stream from the list's own cursor, or with
  // the one that said so: not to other tabs for sure, and not for other pages.
  const late = async (items, query) => {
    const pending = () => items.some(({ seq }) => store.items.get(seq)?.pending);
    if (!pending()) return;
    await new Promise((resolve) => setTimeout(resolve, lateFor));
    if (!pending()) return;
    if (query === store.all) await list().catch(() => {});
    else {
      query.dirty = true;
      changed();
    }
  };

  const sync = {
    store, request, json, get, pageSize, prepare, count, act, take, receive, reach, ensure, list, page,

    /** Takes note of items that were loaded for query. */
    took(items, query) {
      changed();
      late(items, query);
    },

    /** Items and counts as they are shown. */
    items: () => acting.items(store, actions),
    counts: () => acting.counts(store, actions),
  };
  return sync;
}
