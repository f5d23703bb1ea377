// Actions that are shown before the server has answered them, or before what they
// changed has arrived. It is loaded when somebody may act: until then, or where it cannot
// be had, actions show when they have been done.
import { place, unsettled } from './order.js';

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

// Whether an action reaches an item of the store.
const reaches = ({ seqs, up_to, category }, item) => seqs?.includes(item.seq)
  || (!item.archived && !item.until && !unsettled(item) && (!category || item.category === category) && place(item)[1] <= up_to);

// An item of the store as it is shown. One that no action reaches is the store's own object.
function show(own, actions) {
  let item = own;
  for (const { name, body } of actions) {
    if (!reaches(body, own)) continue;
    if (name === 'delete') return undefined;
    const flags = { ...changes[name], ...(body.until && { until: JSON.parse(JSON.stringify(body.until)) }) };
    if (Object.keys(flags).some((flag) => !item[flag] !== !flags[flag])) item = { ...item, ...flags };
  }
  return item;
}

/** The items of a store as they are shown while actions, a set of `{name, body}` in their order, are under way. */
export const items = (store, actions) => [...store.items.values()].map((item) => show(item, actions)).filter(Boolean);

/**
 * The counts as they are shown: while an action is under way those that
 * belong to the items, less what it changes there. It changes nothing in an
 * item that shows it already, so no answer or frame counts twice.
 */
export function counts(store, actions) {
  if (!actions.size || !store.base) return store.counts;
  const counts = structuredClone(store.base);
  counts.categories ??= {};
  const held = { ...none, categories: {} }; // what is held, as it is shown
  for (const item of store.items.values()) {
    const shown = show(item, actions);
    add(counts, item, -1);
    if (!shown) continue;
    add(counts, shown, 1);
    add(held, shown, 1);
  }
  // A mark-all reaches the items that are not held as well: what is left is what the held ones show.
  for (const { name, body: { up_to, category } } of actions) {
    if (up_to === undefined || name === 'unread' || name === 'unarchive') continue;
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
}
