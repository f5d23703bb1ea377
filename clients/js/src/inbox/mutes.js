// The muted categories, and the way back.
import { h, set } from '../dom.js';

export class Mutes {
  element = h('div', { id: 'mutes', role: 'group', part: 'mutes', hidden: true });

  #of; // the client that was asked

  /** Asks for them, once the server is known to have any. */
  draw(inbox, shown) {
    const { client, t } = inbox;
    if (!inbox.can('time')) return;
    if (this.#of !== client) this.ask(inbox);
    const muted = client.state.mutes ?? [];
    this.element.hidden = !muted.length || !shown;
    set(this.element, 'aria-label', t.muted);
    this.element.replaceChildren(h('span', { 'aria-hidden': 'true' }, t.muted), ...muted.map((category) => {
      const name = inbox.name(category);
      return h('button', { type: 'button', 'aria-label': inbox.say('unmute', { name }), onclick: () => inbox.mute(category, false) },
        h('span', null, h('bdi', null, name), ' ×'));
    }));
  }

  /** Asks again: another device may have changed them while there was no stream. */
  ask(inbox) {
    if (!inbox.can('time')) return;
    this.#of = inbox.client;
    this.#of.mutes().catch(() => {});
  }
}
