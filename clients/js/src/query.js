// The question of a list, and how far down it is loaded.
import { bottom, compare, place, top } from './order.js';

export class Query {
  status;
  category;
  order;

  /** All matching items from this place up are held. */
  low = top;

  /** The parameter that the page below is asked for with; undefined if the list is not loaded by pages of its own. */
  next;

  /** How often it was reset: a page asked for before that says nothing of how far down it is loaded. */
  generation = 0;

  /** An item that is not held may match now: the list is asked for again from its top. */
  dirty = false;

  constructor({ status = 'all', category, order = 'newest' } = {}) {
    this.status = status;
    this.category = category;
    this.order = status === 'scheduled' ? 'soonest' : order;
  }

  /** Whether the unfiltered list says nothing of it. */
  get apart() {
    return this.status === 'archived' || this.status === 'scheduled';
  }

  /** Whether nothing is below. */
  get done() {
    return this.low === bottom;
  }

  matches(item) {
    if (this.category && item.category !== this.category) return false;
    if (item.until || this.status === 'scheduled') return !!item.until && this.status === 'scheduled';
    return !item.archived === (this.status !== 'archived') && (this.status !== 'unread' || !item.read);
  }

  /** The matching ones of items, first to last, as far down as they are known. */
  select(items) {
    const { low, order } = this;
    const placed = [];
    for (const item of items) {
      if (!this.matches(item)) continue;
      const at = place(item, order);
      if (compare(at, low) >= 0) placed.push([at, item]);
    }
    return placed.sort((a, b) => compare(b[0], a[0])).map(([, item]) => item);
  }

  /** Forgets how far down it is loaded, but for what it shares with the unfiltered list. */
  reset(base) {
    this.next = undefined;
    this.dirty = false;
    this.generation += 1;
    this.low = base && !this.apart && (base.done || this.order === base.order) ? base.low : top;
  }

  /** Takes note of a page that began at the top or at next. */
  loaded({ items, next }) {
    const low = next && items.length ? place(items[items.length - 1], this.order) : bottom;
    if (compare(low, this.low) <= 0 || low === bottom) {
      this.low = low;
      this.next = next;
    }
  }

  /** Whether page goes down to the place goal. */
  reached(page, goal) {
    return goal === top || compare(place(page.items[page.items.length - 1], this.order), goal) <= 0;
  }

  /** The parameters of its page that follows next, or of its first. */
  params(limit, next) {
    const params = { status: this.status, limit };
    if (this.category) params.category = this.category;
    if (this.order === 'importance') params.order = this.order;
    if (next) params.before = next;
    return params;
  }
}
