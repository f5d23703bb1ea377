// The question of a list, and how far down it is loaded.
import { bottom, compare, place, top } from './order.js';

export function makeQuery({ status = 'all', category, order = 'newest' } = {}) {
  if (status === 'scheduled') order = 'soonest';
  const placed = (item) => place(item, order);
  const matches = (item) => (!category || item.category === category)
    && (status === 'scheduled' ? item.until : !item.until && !item.archived === (status !== 'archived') && (status !== 'unread' || !item.read));
  const query = {
    status,
    category,
    order,

    /** All matching items from this place up are held. */
    low: top,

    /** The parameter that the page below is asked for with; undefined if the list is not loaded by pages of its own. */
    next: undefined,

    /** How often it was reset: a page asked for before that says nothing of how far down it is loaded. */
    generation: 0,

    /** An item that is not held may match now: the list is asked for again from its top. */
    dirty: false,

    /** Whether nothing is below. */
    done: () => query.low === bottom,

    /** The matching ones of items, first to last, as far down as they are known. */
    select: (items) => [...items]
      .filter((item) => matches(item) && compare(placed(item), query.low) >= 0)
      .sort((a, b) => compare(placed(b), placed(a))),

    /** Forgets how far down it is loaded, but for what it shares with the unfiltered list. */
    reset(base) {
      query.next = undefined;
      query.dirty = false;
      query.generation++;
      // Of what is archived or scheduled the unfiltered list says nothing.
      query.low = base && status !== 'archived' && status !== 'scheduled' && (base.done() || order === base.order) ? base.low : top;
    },

    /** Takes note of a page that began at the top or at next. */
    loaded({ items, next }) {
      const low = next && items.length ? placed(items.at(-1)) : bottom;
      if (compare(low, query.low) > 0) return;
      query.low = low;
      query.next = next;
    },

    /** Whether page goes down to the place goal. */
    reached: (page, goal) => goal === top || compare(placed(page.items.at(-1)), goal) <= 0,

    /** The parameters of its page that follows next, or of its first. */
    params: (limit, next) => ({
      status, limit, ...(category && { category }), ...(order === 'importance' && { order }), ...(next && { before: next }),
    }),
  };
  return query;
}
