// The keys of an inbox.
import { h } from '../dom.js';

/** Writes them into the panel that shows them, in the words t. */
export function fillHelp(panel, t) {
  const keys = [['↓ ↑', t.kMove], ['→ ←', t.kActions], ['Enter', t.kOpen], ['U', t.kRead], ['E', t.kPut], ['S', t.later], ['Del', t.kRemove], ['Z', t.kUndo], ['?', t.keys]];
  panel.replaceChildren(h('h2', { id: 'keys-title' }, t.keys), h('dl', null, keys.flatMap(([names, what]) => [
    h('dt', null, names.split(' ').map((k) => h('kbd', null, k))), h('dd', null, what)])));
}
