// The pages of a list below its first, and those of lists with filters.
import { DECIDE, STALE } from './verdict.js';

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Loads query's next page; or, from its top, pages down to where it was loaded already,
 * at least one.
 */
export async function page({ store, pageSize, get, list, took }, query, fromTop) {
  const goal = query.low;
  let next = fromTop ? undefined : query.next;
  for (let stale = 0; ; ) {
    const { generation } = query;
    const page = await get(query.params(pageSize, next), store.version);
    const verdict = store.add(page, query, generation);
    if (verdict === STALE) {
      // A server whose clock is behind: it is right in a moment.
      if (++stale > 5) throw new Error('The server is behind.');
      await sleep(300 * stale);
      continue;
    }
    if (verdict) return list(page.version, verdict === DECIDE);
    took(page.items, query);
    next = page.next;
    if (!next || query.generation !== generation || !fromTop || query.reached(page, goal)) return undefined;
  }
}
