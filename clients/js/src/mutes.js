// The muted categories, and the way back.
import { h, set } from './dom.js';

export class Mutes {
  element = h('div', { id: 'mutes', role: 'group', part: 'mutes', hidden: true });

  #of; // the client whose they are
  #muted = [];

  /** Asks for them, once the server is known to have any. */
  draw(inbox, shown) {
    const { client, t } = inbox;
    if (!inbox.can('time')) return;
    if (this.#of !== client) {
      this.#of = client;
      client.mutes().then((muted) => this.#set(inbox, muted), () => {});
    }
    this.element.hidden = !this.#muted.length || !shown;
    set(this.element, 'aria-label', t.muted);
    this.element.replaceChildren(h('span', { 'aria-hidden': 'true' }, t.muted), ...this.#muted.map((category) => {
      const name = inbox.name(category);
      return h('button', { type: 'button', 'aria-label': inbox.say('unmute', { name }), onclick: () => inbox.mute(category, false) },
        h('span', null, h('bdi', null, name), ' ×'));
    }));
  }

  /** Mutes a category, or takes that back. */
  async mute(inbox, category, muted) {
    await inbox.client[muted ? 'mute' : 'unmute']({ category });
    this.#set(inbox, this.#muted.filter((c) => c !== category).concat(muted ? category : []));
  }

  #set(inbox, muted) {
    this.#muted = muted;
    if (inbox.client) inbox.changed();
  }
}
