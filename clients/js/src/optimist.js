// Actions that are shown before the server has answered them, or before what
// they changed has arrived.
import { place, unsettled } from './order.js';
import { epochOf } from './store.js';

const changes = {
  seen: { seen: true },
  read: { read: true, seen: true },
  unread: { read: false },
  archive: { archived: true },
  unarchive: { archived: false },
  snooze: { read: false, seen: false, archived: false }, // and until
  unsnooze: { until: undefined },
};

const pressing = (item) => item.priority === 'high' || item.priority === 'urgent';

export class Optimist {
  #actions = new Set();

  /** Adds an action as the store shows its items now, and returns it. */
  add(store, name, { seqs = [], up_to, category, until }) {
    const reached = new Set(seqs);
    if (up_to !== undefined) {
      for (const item of store.items.values()) {
        if (!item.archived && !item.until && !unsettled(item) && (!category || item.category === category) && place(item)[1] <= up_to) reached.add(item.seq);
      }
    }
    const action = { name, reached, flags: until ? { ...changes[name], until } : changes[name], category, all: up_to !== undefined, version: Infinity };
    this.#actions.add(action);
    return action;
  }

  drop(action) {
    this.#actions.delete(action);
  }

  /** Forgets what the store's own items show by now. */
  settle(store) {
    for (const action of this.#actions) {
      if (action.version <= store.version || (action.epoch && action.epoch !== epochOf(store.cursor))) this.#actions.delete(action);
    }
  }

  /** The items as they are shown. One that no action reaches is the store's own object. */
  items(store) {
    const items = [];
    for (const item of store.items.values()) {
      const shown = this.#shown(item);
      if (shown) items.push(shown);
    }
    return items;
  }

  /**
   * The counts as they are shown: while an action is under way those that
   * belong to the items, less what it changes there. It changes nothing in an
   * item that shows it already, so no answer or frame counts twice.
   */
  counts(store) {
    if (!this.#actions.size || !store.base) return store.counts;
    const counts = structuredClone(store.base);
    const add = (item, n) => {
      if (item.read || item.archived || item.until) return;
      const unseen = item.seen ? 0 : n;
      counts.unread += n;
      counts.unseen += unseen;
      if (pressing(item)) counts.urgent += n;
      if (!item.category) return;
      const of = (counts.categories[item.category] ??= { unread: 0, unseen: 0 });
      of.unread += n;
      of.unseen += unseen;
    };
    counts.categories ??= {};
    const held = [];
    for (const item of store.items.values()) {
      const shown = this.#shown(item);
      if (shown) held.push(shown);
      if (shown === item) continue;
      add(item, -1);
      if (shown) add(shown, 1);
    }
    for (const action of this.#actions) if (action.all) this.#sweep(action, counts, held);
    for (const name in counts.categories) if (!counts.categories[name].unread) delete counts.categories[name];
    return counts;
  }

  // A mark-all reaches the items that are not held as well: what is left is what the held ones show.
  #sweep({ name, category }, counts, held) {
    if (name === 'unread' || name === 'unarchive') return;
    const scopes = category ? [category] : Object.keys(counts.categories);
    const left = (match) => held.filter((item) => !item.read && !item.archived && !item.until && match(item));
    for (const scope of scopes) {
      const of = counts.categories[scope];
      if (!of) continue;
      const items = left((item) => item.category === scope);
      const after = { unread: name === 'seen' ? of.unread : items.length, unseen: items.filter((item) => !item.seen).length };
      if (category) {
        counts.unread += after.unread - of.unread;
        counts.unseen += after.unseen - of.unseen;
      }
      counts.categories[scope] = after;
    }
    if (category) return;
    const items = left(() => true);
    counts.unseen = items.filter((item) => !item.seen).length;
    if (name === 'seen') return;
    counts.unread = items.length;
    counts.urgent = items.filter(pressing).length;
  }

  #shown(item) {
    let shown = item;
    for (const { name, reached, flags } of this.#actions) {
      if (!reached.has(item.seq)) continue;
      if (name === 'delete') return undefined;
      if (Object.keys(flags).some((flag) => !shown[flag] !== !flags[flag])) shown = { ...shown, ...flags };
    }
    return shown;
  }
}
