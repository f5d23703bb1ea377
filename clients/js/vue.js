// Belfry in Vue 3.
import { onScopeDispose, shallowRef } from 'vue';
import { Belfry } from '@belfry/client';

/** A client for as long as the scope, such as a component, lives. */
export function useBelfry(options) {
  const belfry = new Belfry(options);
  onScopeDispose(() => belfry.close());
  return belfry;
}

function follow(source) {
  const state = shallowRef(source.state);
  onScopeDispose(source.subscribe(() => {
    state.value = source.state;
  }));
  return state;
}

export const useBelfryState = (belfry) => follow(belfry);

export function useList(belfry, filter) {
  const list = belfry.list(filter);
  const state = follow(list);
  onScopeDispose(() => list.close());
  return { state, more: list.more, refresh: list.refresh };
}
