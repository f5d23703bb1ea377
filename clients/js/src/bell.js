// <belfry-bell>: the number of what is new, and the inbox behind it.
import { Base } from './base.js';
import { idle } from './clock.js';
import { bell, below, h, icon, isRTL, set, say, sheet } from './dom.js';
import { BelfryInbox, prepareAll } from './inbox.js';
import { languages } from './text.js';
import { bellStyles } from './styles.js';

export { BelfryInbox, languages };

const sheetOfBell = sheet(bellStyles);

export class BelfryBell extends Base {
  #button;
  #badge;
  #news;
  #panel;
  #inbox;
  #shown; // counts that were last shown

  constructor() {
    super(sheetOfBell);
    this.#button = h('button', { id: 'b', part: 'button', popovertarget: 'p', 'aria-haspopup': 'dialog' },
      h('slot', { name: 'icon' }, icon(bell)), (this.#badge = h('span', { id: 'n', part: 'badge', 'aria-hidden': 'true', hidden: true })));
    this.#panel = h('div', { id: 'p', part: 'panel', popover: 'auto', role: 'dialog', onbeforetoggle: (e) => this.#toggle(e) });
    this.#news = h('p', { class: 'v', role: 'status' });
    this.shadowRoot.append(h('div', null, this.#button, this.#news, this.#panel));
    this.addEventListener('belfry-open', () => this.close());
    this.#panel.addEventListener('toggle', (e) => e.newState === 'open' && this.#place());
  }

  static get observedAttributes() {
    return [...Base.observedAttributes, 'count', 'page-title', 'favicon', 'app-badge', 'sound'];
  }

  /** Shows the inbox. */
  open() {
    this.#panel.showPopover();
  }

  close() {
    this.#panel.hidePopover();
  }

  start() {
    set(this.shadowRoot.firstChild, 'lang', this.language);
    addEventListener('resize', this.#place);
    addEventListener('scroll', this.#place, true);
    this.#panel.setAttribute('aria-label', this.t.title);
    if (this.#inbox) this.#furnish();
    // It was opened before there were words.
    else if (this.#panel.matches(':popover-open')) this.#toggle({ newState: 'open' });
    this.#outside();
  }

  stop() {
    removeEventListener('resize', this.#place);
    removeEventListener('scroll', this.#place, true);
    this.#shown = undefined;
    this.#outside(0);
  }

  changed() {
    const { counts } = this.client.state;
    if (!counts) return;
    const which = this.getAttribute('count') === 'unread' ? 'unread' : 'unseen';
    const n = counts[which] ?? 0;
    const urgent = counts.urgent ?? 0;
    const more = this.#shown && n > this.#shown.n;
    say(this.#badge, n > 99 ? '99+' : `${n}`);
    this.#badge.hidden = !n;
    this.#badge.classList.toggle('urgent', urgent > 0);
    set(this.#badge, 'part', urgent ? 'badge urgent' : 'badge');
    const name = [this.say(`${which}${n ? '' : 0}`, { n }), urgent && this.say('bellUrgent', { n: urgent })].filter(Boolean).join(', ');
    set(this.#button, 'aria-label', name);
    this.#button.title = name;
    if (more) {
      if (!matchMedia('(prefers-reduced-motion:reduce)').matches) this.#badge.animate({ scale: [1, 1.35, 1] }, 400);
      if (!this.#panel.matches(':popover-open')) say(this.#news, this.say(n - this.#shown.n > 1 ? 'many' : 'news', { n: n - this.#shown.n }));
    }
    // The inbox comes after the number, and is there before somebody opens it, even if the
    // network goes.
    if (!this.#shown) idle(() => prepareAll().catch(() => {}));
    if (this.#shown?.version !== counts.version) this.emit('belfry-count', counts);
    this.#shown = { n, version: counts.version };
    this.#outside(counts.unread ?? 0, more);
  }

  // ---- the panel

  #furnish() {
    for (const name of ['lang', 'target', 'order', 'pin', 'theme']) set(this.#inbox, name, this.getAttribute(name));
    set(this.#inbox, 'lang', this.getAttribute('lang') ?? this.closest('[lang]')?.lang);
    this.#inbox.texts = this.texts;
    this.#inbox.client = this.client;
  }

  #toggle({ newState }) {
    set(this.#button, 'aria-expanded', `${newState === 'open'}`);
    if (newState !== 'open' || !this.client || !this.t) return;
    if (this.#inbox) return this.#inbox.look();
    this.#inbox = h('belfry-inbox', { exportparts: 'inbox,header,title,tabs,tab,filters,banner,scroll,day,item,unread,read,urgent,high,link,avatar,item-title,item-body,item-meta,dot,actions,action,toast,empty,help,menu,mutes,settings' },
      h('slot', { name: 'header', slot: 'header' }),
      // On a phone the panel is all there is: neither Escape nor a place outside.
      h('button', { id: 'x', slot: 'header', 'aria-label': this.t.close, onclick: () => this.close() }, icon('M6 6l12 12M18 6 6 18')), h('slot', { name: 'empty', slot: 'empty' }));
    this.#furnish();
    this.#panel.append(this.#inbox);
  }

  // Below the bell, within the window.
  #place = () => {
    if (!this.#panel.matches(':popover-open')) return;
    below(this.#panel, this.#button.getBoundingClientRect(), isRTL(this));
  };

  // Title, icons and sound are of pages that ask for them. Without a number they are loaded.
  #outside(unread, more) {
    if (!['page-title', 'app-badge', 'favicon', 'sound'].some((name) => this.hasAttribute(name))) return;
    import('./outside.js').then(({ outside }) => unread !== undefined && outside(this, unread, more)).catch(() => {}); // the next count tries again
  }
}

if (!customElements.get('belfry-bell')) customElements.define('belfry-bell', BelfryBell);
