// The help on the keys of an inbox.
import { h } from './dom.js';

export class Help {
  element;

  /** words returns those of the panels in the language of now. */
  constructor(words) {
    this.element = h('div', { id: 'help', popover: 'auto', part: 'help', role: 'dialog', 'aria-labelledby': 'keys-title', onbeforetoggle: (e) => e.newState === 'open' && this.#fill(words()) });
  }

  #fill(t) {
    const keys = [['↓ ↑', t.kMove], ['→ ←', t.kActions], ['Enter', t.kOpen], ['U', t.kRead], ['E', t.kPut], ['S', t.later], ['Del', t.kRemove], ['Z', t.kUndo], ['?', t.keys]];
    this.element.replaceChildren(h('h2', { id: 'keys-title' }, t.keys), h('dl', null, keys.flatMap(([names, what]) => [
      h('dt', null, names.split(' ').map((k) => h('kbd', null, k))), h('dd', null, what)])));
  }
}
