import { defineComponent, h } from 'vue';
import { useBelfry, useBelfryState, useList } from '@belfry/client/vue';
export default defineComponent({ setup() {
  const belfry = useBelfry({ user: 'u' });
  const state = useBelfryState(belfry);
  const { state: list, more } = useList(belfry);
  return () => h('ul', { onClick: more, title: state.value.status }, list.value.items.map((i) => h('li', i.title)));
} });
