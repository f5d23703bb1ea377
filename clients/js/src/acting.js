// The part of a client that is needed once somebody acts on a list: actions that show before they are
// answered, the pages below, and what reaches beyond items. It comes when a list is there.
import { unsettled } from './order.js';

export { counts, items } from './optimist.js';
export { page } from './pages.js';

const load = () => import('./device.js');

/** Asks for the muted categories, which are in `state` from then on. */
export async function mutes({ sync, set }) {
  const { categories } = await sync.json(`/inbox/mute?min_version=${sync.store.version}`);
  const mutes = categories.map(({ category }) => category);
  set({ mutes });
  return mutes;
}

/** The user's settings; with a patch (RFC 7396) after it. */
export const preferences = async ({ sync }, patch) => (await load()).preferences(sync.json, patch);

/** This browser as a place that notifications come to. */
export const device = async ({ client, options, sync }) => (await load()).deviceOf({ ...options, client, request: sync.request, items: () => sync.store.items });

/** Reaches what this tab knew of at the version up_to, and nothing that came since. */
export async function markAll({ act, sync: { store }, up_to }, action, { category } = {}) {
  if (!store.cursor) throw new Error('Nothing is loaded yet.');
  const seqs = store.all
    .select(store.items.values())
    .filter((item) => unsettled(item) && (!category || item.category === category))
    .map((item) => item.seq);
  // A wake that no record has settled is below no version: it goes by name.
  if (!seqs.length) return act(action, { up_to, category });
  // Where time is closed seqs and up_to do not go together.
  return store.features.includes('time') ? act(action, { up_to, category, seqs }) : Promise.all([act(action, { seqs }), act(action, { up_to, category })]);
}
