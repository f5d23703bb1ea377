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

const none = { unread: 0, unseen: 0, urgent: 0 };

// Adds an item n times to counts.
function add(counts, item, n) {
  if (item.read || item.archived || item.until) return;
  const { category, priority } = item;
  for (const of of category ? [counts, (counts.categories[category] ??= { unread: 0, unseen: 0 })] : [counts]) {
    of.unread += n;
    if (!item.seen) of.unseen += n;
  }
  if (priority === 'high' || priority === 'urgent') counts.urgent += n;
}

export function makeOptimist(store) {
  const actions = new Set();

  const show = (item) => {
    for (const { name, reached, flags } of actions) {
      if (!reached.has(item.seq)) continue;
      if (name === 'delete') return undefined;
      if (Object.keys(flags).some((flag) => !item[flag] !== !flags[flag])) item = { ...item, ...flags };
    }
    return item;
  };

  return {
    /** Adds an action as the store shows its items now, and returns it. */
    add(name, { seqs = [], up_to, category, until }) {
      const reached = new Set(seqs);
      for (const item of store.items.values()) {
        if (!item.archived && !item.until && !unsettled(item) && (!category || item.category === category) && place(item)[1] <= up_to) reached.add(item.seq);
      }
      const action = { name, reached, flags: { ...changes[name], ...(until && { until }) }, category, all: up_to !== undefined, version: Infinity };
      actions.add(action);
      return action;
    },

    drop: (action) => actions.delete(action),

    /** Forgets what the store's own items show by now. */
    settle() {
      for (const action of actions) {
        if (action.version <= store.version || (action.epoch && action.epoch !== epochOf(store.cursor))) actions.delete(action);
      }
    },

    /** The items as they are shown. One that no action reaches is the store's own object. */
    items: () => [...store.items.values()].map(show).filter(Boolean),

    /**
     * The counts as they are shown: while an action is under way those that
     * belong to the items, less what it changes there. It changes nothing in an
     * item that shows it already, so no answer or frame counts twice.
     */
    counts() {
      if (!actions.size || !store.base) return store.counts;
      const counts = structuredClone(store.base);
      counts.categories ??= {};
      const held = { ...none, categories: {} }; // what is held, as it is shown
      for (const item of store.items.values()) {
        const shown = show(item);
        add(counts, item, -1);
        if (!shown) continue;
        add(counts, shown, 1);
        add(held, shown, 1);
      }
      // A mark-all reaches the items that are not held as well: what is left is what the held ones show.
      for (const { name, category, all } of actions) {
        if (!all || name === 'unread' || name === 'unarchive') continue;
        const { categories } = counts;
        const sweep = (of, { unread, unseen, urgent } = none) => Object.assign(of, name === 'seen' ? { unseen } : { unread, unseen, ...(of === counts && { urgent }) });
        for (const scope of category ? [category] : Object.keys(categories)) {
          const of = categories[scope];
          if (!of) continue;
          const was = { ...of };
          sweep(of, held.categories[scope]);
          if (!category) continue;
          counts.unread += of.unread - was.unread;
          counts.unseen += of.unseen - was.unseen;
        }
        if (!category) sweep(counts, held);
      }
      for (const name in counts.categories) if (!counts.categories[name].unread) delete counts.categories[name];
      return counts;
    },
  };
}
