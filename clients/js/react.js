// Belfry in React 18 and later. A client connects in an effect, so that nothing
// happens on a server, and once more in strict mode, which mounts twice.
import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { Belfry } from '@belfry/client';

const none = { status: 'connecting', cursor: '', counts: null, features: [], mutes: null, error: null };
const empty = { items: [], loading: true, done: false, error: null };
const nothing = () => () => {};

/** A client for as long as the component is mounted; null before that. */
export function useBelfry(options) {
  const [belfry, set] = useState(null);
  const latest = useRef(options);
  latest.current = options;
  useEffect(() => {
    // A token is asked for when it is needed: another getToken is no other client.
    const { getToken } = latest.current;
    const made = new Belfry({ ...latest.current, ...(getToken && { getToken: (reason) => latest.current.getToken(reason) }) });
    set(made);
    return () => {
      made.close();
      set(null);
    };
  }, [options.user, options.url, options.language, options.token]);
  return belfry;
}

export function useBelfryState(belfry) {
  return useSyncExternalStore(belfry?.subscribe ?? nothing, () => belfry?.state ?? none, () => none);
}

export const useCounts = (belfry) => useBelfryState(belfry).counts;

export function useList(belfry, { status, category, order } = {}) {
  const [list, set] = useState(null);
  useEffect(() => {
    if (!belfry) return undefined;
    const made = belfry.list({ status, category, order });
    set(made);
    return () => {
      made.close();
      set(null);
    };
  }, [belfry, status, category, order]);
  const state = useSyncExternalStore(list?.subscribe ?? nothing, () => list?.state ?? empty, () => empty);
  const more = useCallback(() => list?.more() ?? Promise.resolve(), [list]);
  const refresh = useCallback(() => list?.refresh() ?? Promise.resolve(), [list]);
  return { ...state, more, refresh };
}
