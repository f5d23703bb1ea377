// The order of items, that of the server's lists, evictions and horizons.

const ms = (time) => +new Date(time || 0);
const above = Infinity; // where a wake stands that no record has settled
const ranks = { urgent: 2, high: 1 };

/** The place above and that below all items. */
export const top = [3];
export const bottom = [-1];

/** Compares two tuples of numbers, as Array.prototype.sort wants it. */
export function compare(a, b) {
  const i = a.findIndex((n, j) => n !== b[j] && j < b.length);
  return i < 0 ? 0 : a[i] - b[i];
}

/** Whether item came out of hiding without a record having settled it yet. */
export const unsettled = (item) => !!item.woke_at && !item.shown;

/**
 * The place of an item: the higher one comes first. Its first number is the
 * item's importance where the order asks for that, and 0 elsewhere. Hidden
 * items are in order of when they show.
 */
export function place(item, order) {
  if (order === 'soonest') return [0, -ms(item.until), -item.seq];
  return [
    order === 'importance' ? (ranks[item.priority] ?? 0) : 0,
    unsettled(item) ? above : Math.max(item.seq, item.shown || 0),
    ms(item.woke_at),
    item.seq,
  ];
}
