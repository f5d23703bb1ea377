// The store: what a tab knows of one inbox, and the one reducer that moves it.
// It does no I/O. Its batches and lists have one order, (version, x), whatever
// the epoch, since versions rise across epochs.
import { compare } from './order.js';
import { makeQuery } from './query.js';
import { DECIDE, LIST, STALE } from './verdict.js';

/** Where an unread object stands in the order of all. */
export const stampOf = ({ version, x = 0 }) => [version, x];
export const epochOf = (cursor) => cursor.split('.')[0];
export const versionOf = (cursor) => +cursor.split('.')[1];

const countsOf = ({ items, next, features, ...counts }) => counts;

export function makeStore() {
  let epoch = '';
  let counted = [0, 0];
  const all = makeQuery();
  const store = {
    /** The id of the last batch, or the cursor of the last list; '' before the first list. */
    cursor: '',

    /** [version, x] of what the items are. */
    stamp: [0, 0],

    /** The newest unread object, and that which belongs to the items. */
    counts: null,
    base: null,

    /** seq to item, archived ones too. They must not be changed. */
    items: new Map(),

    /** The unfiltered list, and the others that are open. */
    all,
    queries: new Set(),

    features: [],

    get version() {
      return store.stamp[0];
    },

    /** The meaning of what has that cursor and version: 0 for one of the store's own log. */
    judge({ cursor, version }) {
      if (!store.version || epochOf(cursor) === epoch) return 0;
      return version > store.version ? LIST : DECIDE;
    },

    /** Below 0 if it is behind the items, above 0 if it is ahead of them. */
    order: (badge) => compare(stampOf(badge), store.stamp),

    /**
     * Takes an unread object alone: the answer to an action, or a poll. It orders
     * the counts only, so that the store does not refuse the batch that brings the
     * items. That of another log counts for nothing: the list that follows has its own.
     */
    count(badge) {
      const stamp = stampOf(badge);
      if (store.judge(badge) || compare(stamp, counted) < 0) return;
      counted = stamp;
      store.counts = countsOf(badge);
    },

    /**
     * Takes a batch: frames as `{event, data}`, whose last is the unread object,
     * and its id. An item of equal version that is not held is taken.
     */
    batch(frames, to) {
      const badge = frames.at(-1).data;
      const verdict = store.judge(badge);
      if (verdict) return verdict;
      const stale = store.order(badge) < 0;
      for (const { event, data } of frames) {
        if (event === 'item') put(data, stale);
        else if (event === 'state' && !stale) patch(data);
      }
      if (stale) return STALE;
      at(badge, to);
      return 0;
    },

    /**
     * Takes the first page of the unfiltered list in place of all it holds. bare
     * says that it was asked for without min_version, so that it decides between two logs.
     */
    replace(page, bare) {
      const verdict = store.judge(page);
      if (verdict === DECIDE && !bare) return DECIDE;
      if (!verdict && store.order(page) < 0) return STALE;
      const known = verdict ? new Map() : store.items;
      store.items = new Map(page.items.map((item) => [item.seq, merge(known.get(item.seq), item)]));
      store.features = page.features ?? [];
      all.reset();
      all.loaded(page);
      for (const query of store.queries) query.reset(all);
      at(page, page.cursor);
      return 0;
    },

    /** Adds another page, asked for at that generation of query. It moves neither the store's cursor nor its counts. */
    add(page, query, generation) {
      const verdict = store.judge(page) || (page.version && !store.version ? LIST : 0);
      if (verdict) return verdict;
      if (store.order(page) < 0) return STALE;
      for (const item of page.items) put(item);
      if (query.generation === generation) query.loaded(page);
      return 0;
    },
  };

  const at = (badge, cursor) => {
    store.stamp = stampOf(badge);
    if (badge.version) epoch = epochOf(badge.cursor);
    store.cursor = cursor;
    // A count of another log is nothing, were it of a higher version.
    if (store.counts && epochOf(store.counts.cursor) !== epochOf(badge.cursor)) counted = [0, 0];
    store.count(badge);
    store.base = countsOf(badge);
  };

  // Of what is behind the store only the content of a pending item is of use.
  const put = (item, stale) => {
    const { items } = store;
    const was = items.get(item.seq);
    if (was?.pending ? !item.pending || item.version > was.version : !stale && (!was || newer(item, was))) items.set(item.seq, merge(was, item));
    if (!stale) remove(item.replaces, item.version);
  };

  const patch = ({ version, read, unread, seen, archived, removed }) => {
    for (const [seqs, flags] of [
      [read, { read: true, seen: true, archived: false }],
      [unread, { read: false, seen: false, archived: false }],
      [seen, { seen: true }],
      [archived, { archived: true }],
    ]) {
      for (const seq of seqs) {
        const item = store.items.get(seq);
        if (!item) missed(flags.archived ? 'archived' : flags.read === false && 'unread');
        else if (item.version <= version) store.items.set(seq, { ...item, ...flags });
      }
    }
    for (const seq of removed) remove(seq, version);
    // Items that are hidden from now on are named as removed.
    if (removed.length) missed('scheduled');
  };

  // An item that is not held has changed and may now belong to an open list.
  const missed = (status) => {
    for (const query of store.queries) query.dirty ||= query.status === status;
  };

  const remove = (seq, version) => {
    if (store.items.get(seq)?.version <= version) store.items.delete(seq);
  };

  return store;
}

// A wake moves no version.
const newer = (item, was) => item.version > was.version || (item.version === was.version && was.until && !item.until);

// The newer of two, with the content of that which has it: content may come after flags.
function merge(was, item) {
  if (!was) return item;
  const [last, other] = item.version >= was.version ? [item, was] : [was, item];
  if (!last.pending || other.pending) return last;
  const { version, read, seen, archived } = last;
  return { ...other, version, read, seen, archived };
}
