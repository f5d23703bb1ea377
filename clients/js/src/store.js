// The store: what a tab knows of one inbox, and the one reducer that moves it.
// It does no I/O. Its batches and lists have one order, (version, x), whatever
// the epoch, since versions rise across epochs.
import { compare } from './order.js';
import { Query } from './query.js';

/** The consequence of an answer or batch that could not simply be taken. */
export const LIST = 'list'; // list again: something is missing
export const DECIDE = 'decide'; // list once without min_version: that answer decides which log is right
export const STALE = 'stale'; // it is behind the store: ask again

const stampOf = ({ version, x = 0 }) => [version, x];
export const epochOf = (cursor) => cursor.split('.')[0];
export const versionOf = (cursor) => Number(cursor.split('.')[1]);

export class Store {
  /** The id of the last batch, or the cursor of the last list; '' before the first list. */
  cursor = '';

  /** [version, x] of what the items are. */
  stamp = [0, 0];

  /** The newest unread object, and that which belongs to the items. */
  counts = null;
  base = null;

  /** seq to item, archived ones too. They must not be changed. */
  items = new Map();

  /** The unfiltered list, and all that are open. */
  all = new Query();
  queries = new Set();

  features = [];

  #epoch = '';
  #counted = [0, 0];

  get version() {
    return this.stamp[0];
  }

  /** The meaning of a cursor of that version: '' for one of the store's own log. */
  judge(cursor, version) {
    if (!this.version || epochOf(cursor) === this.#epoch) return '';
    return version > this.version ? LIST : DECIDE;
  }

  /**
   * Takes an unread object alone: the answer to an action, or a poll. It orders
   * the counts only, so that the store does not refuse the batch that brings the
   * items. That of another log counts for nothing: the list that follows has its own.
   */
  count(badge) {
    const stamp = stampOf(badge);
    if (this.judge(badge.cursor, badge.version) || compare(stamp, this.#counted) < 0) return;
    this.#counted = stamp;
    const { items, next, features, ...counts } = badge;
    this.counts = counts;
  }

  /**
   * Takes a batch: frames as `{event, data}`, whose last is the unread object,
   * and its id. An item of equal version that is not held is taken.
   */
  batch(frames, to) {
    const badge = frames[frames.length - 1].data;
    const verdict = this.judge(badge.cursor, badge.version);
    if (verdict) return verdict;
    const stale = compare(stampOf(badge), this.stamp) < 0;
    for (const { event, data } of frames) {
      if (event === 'item') this.#put(data, stale);
      else if (event === 'state' && !stale) this.#patch(data);
    }
    if (stale) return STALE;
    this.#at(badge, to);
    return '';
  }

  /**
   * Takes the first page of the unfiltered list in place of all it holds. bare
   * says that it was asked for without min_version, so that it decides between two logs.
   */
  replace(page, bare) {
    const verdict = this.judge(page.cursor, page.version);
    if (verdict === DECIDE && !bare) return DECIDE;
    if (!verdict && compare(stampOf(page), this.stamp) < 0) return STALE;
    const known = verdict ? new Map() : this.items;
    this.items = new Map();
    for (const item of page.items) {
      const was = known.get(item.seq);
      this.items.set(item.seq, was ? merge(was, item) : item);
    }
    this.features = page.features ?? [];
    this.all.reset();
    this.all.loaded(page);
    for (const query of this.queries) query.reset(this.all);
    this.#at(page, page.cursor);
    return '';
  }

  /** Adds another page, asked for at that generation of query. It moves neither the store's cursor nor its counts. */
  add(page, query, generation) {
    const verdict = this.judge(page.cursor, page.version) || (page.version && !this.version ? LIST : '');
    if (verdict) return verdict;
    if (compare(stampOf(page), this.stamp) < 0) return STALE;
    for (const item of page.items) this.#put(item);
    if (query.generation === generation) query.loaded(page);
    return '';
  }

  #at(badge, cursor) {
    this.stamp = stampOf(badge);
    if (badge.version) this.#epoch = epochOf(badge.cursor);
    this.cursor = cursor;
    // A count of another log is nothing, were it of a higher version.
    if (this.counts && epochOf(this.counts.cursor) !== epochOf(badge.cursor)) this.#counted = [0, 0];
    this.count(badge);
    const { items, next, features, ...counts } = badge;
    this.base = counts;
  }

  // Of what is behind the store only the content of a pending item is of use.
  #put(item, stale = false) {
    const was = this.items.get(item.seq);
    if (!was) {
      if (!stale) this.items.set(item.seq, item);
    } else if (was.pending ? !item.pending || item.version > was.version : newer(item, was) && !stale) {
      this.items.set(item.seq, merge(was, item));
    }
    if (item.replaces && !stale) this.#remove(item.replaces, item.version);
  }

  #patch(state) {
    const { version, archived } = state;
    const patch = (seqs, flags) => {
      for (const seq of seqs) {
        const item = this.items.get(seq);
        if (!item) this.#missed(flags);
        else if (item.version <= version) this.items.set(seq, { ...item, ...flags });
      }
    };
    patch(state.read, { read: true, seen: true, archived: false });
    patch(state.unread, { read: false, seen: false, archived: false });
    patch(state.seen, { seen: true });
    patch(archived, { archived: true });
    for (const seq of state.removed) this.#remove(seq, version);
    // Items that are hidden from now on are named as removed.
    if (state.removed.length) for (const query of this.queries) query.dirty ||= query.status === 'scheduled';
  }

  // An item that is not held has changed and may now belong to an open list.
  #missed({ read, archived }) {
    for (const query of this.queries) {
      if (query.status === (archived ? 'archived' : read === false && 'unread')) query.dirty = true;
    }
  }

  #remove(seq, version) {
    if (this.items.get(seq)?.version <= version) this.items.delete(seq);
  }
}

// A wake moves no version.
const newer = (item, was) => item.version > was.version || (item.version === was.version && was.until && !item.until);

// The newer of two, with the content of that which has it: content may come after flags.
function merge(was, item) {
  const last = item.version >= was.version ? item : was;
  const content = last.pending ? (last === item ? was : item) : last;
  if (content === last || content.pending) return last;
  const { version, read, seen, archived } = last;
  return { ...content, version, read, seen, archived };
}
