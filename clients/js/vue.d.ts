import type { ShallowRef } from 'vue';
import type { Belfry, Filter, ListState, Options, State } from './src/belfry.js';

/** A client for as long as the component is mounted. */
export function useBelfry(options: Options): Belfry;
/** The client's state. */
export function useBelfryState(belfry: Belfry): Readonly<ShallowRef<State>>;
/** A list for as long as the component is mounted. */
export function useList(
  belfry: Belfry,
  filter?: Filter,
): { state: Readonly<ShallowRef<ListState>>; more(): Promise<void>; refresh(): Promise<void> };
