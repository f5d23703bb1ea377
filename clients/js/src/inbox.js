// <belfry-inbox>: the element, and what it is told before its view is there. The view is
// a file of its own, so that a page has its badge in the first round trip.
import { Base } from './base.js';
import { below, bell, fill, h, icon, isRTL, say, set, sheet } from './dom.js';
import { languages } from './text.js';

const styles = sheet(':host{display:block;background:var(--b)}#wait{display:flex;flex-wrap:wrap;align-items:center;justify-content:end;gap:.5rem;padding:.5rem}#wait p{flex:1;margin:0}');

/** Loads the view of inboxes; one that cannot be had is asked for again by the next call. */
const prepare = () => import('./inbox/view.js');

/** Loads all that an inbox is shown and acted on with. */
export const prepareAll = () => Promise.all([prepare().then(({ more }) => more()), import('./acting.js')]);

export class BelfryInbox extends Base {
  static dom = { below, bell, fill, h, icon, isRTL, say, set, sheet };

  #view;
  #first = {}; // filter of the list that the view starts with
  #turn; // that waits for the view
  #wait;

  constructor() {
    super(styles);
    this.#wait = h('div', { id: 'wait' }, h('slot', { name: 'header' }));
    this.shadowRoot.append(this.#wait);
  }

  static get observedAttributes() {
    return [...Base.observedAttributes, 'order', 'pin', 'status', 'category'];
  }

  attributeChangedCallback(name, was, is) {
    if (Base.observedAttributes.includes(name)) super.attributeChangedCallback();
    else if (was === is) return;
    else if (name === 'order' || name === 'pin') this.#view?.open();
    else this.show({ [name]: is ?? (name === 'status' ? 'all' : null) });
  }

  /** Shows another list: `{status: 'all'|'unread'|'archived'|'scheduled', category}`. */
  show(filter = {}) {
    if (this.#view) this.#view.show(filter);
    else Object.assign(this.#first, filter);
  }

  start() {
    if (this.#view) return this.#view.start();
    const turn = (this.#turn = {});
    prepare().then(({ makeView }) => {
      if (turn !== this.#turn) return;
      this.#view ??= makeView(this, this.#first, languages);
      this.#view.start();
      this.#view.changed();
    }, () => turn === this.#turn && this.#lost());
  }

  stop() {
    this.#turn = undefined;
    this.#view?.stop();
  }

  changed() {
    if (this.#view) this.#view.changed();
    else if (this.#wait.children[1]) this.start(); // the connection may be back
  }

  /** Somebody looks again, perhaps after a while at another device. */
  look() {
    this.#view?.look();
  }

  // A view that cannot be had: what is in the header stays, such as the way out of a panel.
  #lost() {
    const { t } = this;
    this.#wait.replaceChildren(this.#wait.firstChild, h('p', { role: 'alert' }, t.lost), h('button', { onclick: () => this.start() }, t.retry));
  }

  /** Whether the server can do what has that name. */
  can(feature) {
    return !!this.client?.state.features?.includes(feature);
  }

  /** The name of a category. */
  name(category) {
    return this.t[`category.${category}`] ?? category.charAt(0).toLocaleUpperCase(this.language) + category.slice(1);
  }

  /** Mutes a category, or has it heard again, and offers the way back. */
  mute(category, muted) {
    this.#view.mute(category, muted);
  }
}

if (!customElements.get('belfry-inbox')) customElements.define('belfry-inbox', BelfryInbox);
