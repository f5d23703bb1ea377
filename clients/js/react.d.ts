import type { Belfry, Counts, Filter, ListState, Options, State } from './src/belfry.js';

/** A client for as long as the component is mounted, null before that; another one when user, url or language change. */
export function useBelfry(options: Options): Belfry | null;
/** The client's state; the component renders again when it changes. */
export function useBelfryState(belfry: Belfry | null): State;
/** The badge, null until the first answer. */
export function useCounts(belfry: Belfry | null): Counts | null;
/** A list for as long as the component is mounted. */
export function useList(belfry: Belfry | null, filter?: Filter): ListState & { more(): Promise<void>; refresh(): Promise<void> };
