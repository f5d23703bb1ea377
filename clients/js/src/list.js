// A list of one inbox by filter and order, as a page shows it.
import { makeQuery } from './query.js';
import { top } from './order.js';
import { watched } from './watched.js';

/** left is called when it is closed. See belfry.d.ts. */
export function makeList({ store, items: shown, pageSize, page, list: listAll }, options, left) {
  const own = makeQuery(options);
  const shared = own.status === 'all' && !own.category && own.order === 'newest';
  const query = shared ? store.all : own;
  let busy;
  if (!shared) {
    query.reset(store.all);
    store.queries.add(query);
  }

  const list = {
    /** Loads the page below. */
    async more() {
      if (!query.done()) await load(!query.next);
    },

    /** Asks the server again. */
    refresh: () => run(listAll),

    close() {
      store.queries.delete(query);
      leave();
      left(list);
    },

    /** Takes over what the store shows now. */
    update() {
      const missing = query.low === top;
      // Items stay shown until there is something in their place.
      const items = missing ? list.items : query.select(shown());
      show({ items, done: query.done() });
      if (!store.cursor || busy || list.error) return;
      // A list shows a page at least, if there is one.
      if (missing || query.dirty || (!query.done() && items.length < pageSize)) load(query.dirty || !query.next);
    },

    /** Tries again after an error. */
    retry() {
      show({ error: null });
      list.update();
    },
  };
  const [set, leave] = watched(list, { items: [], loading: true, done: false, error: null });

  const show = (changes) => {
    const { items, error } = { ...list.state, ...changes };
    set({
      ...changes,
      loading: !!busy || (query.low === top && !error),
      items: items.every((item, i) => item === list.items[i]) && items.length === list.items.length ? list.items : items,
    });
    Object.assign(list, list.state);
  };

  const load = (fromTop) => run(() => {
    if (fromTop) query.dirty = false;
    return page(query, fromTop);
  });

  const run = (work) => (busy ??= (async () => {
    try {
      show({ error: null });
      await work();
    } catch (error) {
      query.dirty = true;
      show({ error });
    } finally {
      busy = undefined;
      list.update();
    }
  })());

  Object.assign(list, list.state);
  list.update();
  return list;
}
