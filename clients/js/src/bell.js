// <belfry-bell>: the number of what is new, and the inbox behind it.
import { Base } from './base.js';
import { below, h, icon, isRTL, set, say, sheet } from './dom.js';
import { BelfryInbox } from './inbox.js';
import { languages } from './text.js';
import { bellStyles } from './styles.js';

export { BelfryInbox, languages };

const sheetOfBell = sheet(bellStyles);
const bell = 'M6 9a6 6 0 0 1 12 0c0 6 2 7 2 8H4c0-1 2-2 2-8M10 20a2 2 0 0 0 4 0';

export class BelfryBell extends Base {
  #button;
  #badge;
  #news;
  #panel;
  #inbox;
  #shown; // counts that were last shown

  constructor() {
    super(sheetOfBell);
    this.#button = h('button', { id: 'b', type: 'button', part: 'button', popovertarget: 'p', 'aria-haspopup': 'dialog' },
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
    this.#furnish();
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
      this.#ring();
    }
    if (this.#shown?.version !== counts.version) this.emit('belfry-count', counts);
    this.#shown = { n, version: counts.version };
    this.#outside(counts.unread ?? 0);
  }

  // ---- the panel

  #furnish() {
    if (!this.#inbox) return;
    for (const name of ['lang', 'target', 'order', 'theme']) set(this.#inbox, name, this.getAttribute(name));
    set(this.#inbox, 'lang', this.getAttribute('lang') ?? this.closest('[lang]')?.lang);
    this.#inbox.texts = this.texts;
    this.#inbox.client = this.client;
  }

  #toggle({ newState }) {
    set(this.#button, 'aria-expanded', `${newState === 'open'}`);
    if (newState !== 'open' || !this.client) return;
    if (this.#inbox) return this.#inbox.look();
    this.#inbox = h('belfry-inbox', { exportparts: 'inbox,header,title,tabs,tab,filters,banner,scroll,day,item,unread,read,urgent,high,link,avatar,item-title,item-body,item-meta,dot,actions,action,toast,empty,help,menu,mutes,settings' },
      h('slot', { name: 'header', slot: 'header' }),
      // On a phone the panel is all there is: neither Escape nor a place outside.
      h('button', { id: 'x', slot: 'header', type: 'button', 'aria-label': this.t.close, onclick: () => this.close() }, icon('M6 6l12 12M18 6 6 18')), h('slot', { name: 'empty', slot: 'empty' }));
    this.#furnish();
    this.#panel.append(this.#inbox);
  }

  // Below the bell, within the window.
  #place = () => {
    if (!this.#panel.matches(':popover-open')) return;
    below(this.#panel, this.#button.getBoundingClientRect(), isRTL(this));
  };

  // ---- what is outside of the page's content: title, icons, sound

  #title;
  #icon;

  #outside(unread) {
    if (this.hasAttribute('page-title')) {
      const bare = document.title.replace(/^\(\d+\+?\) /, '');
      const title = unread ? `(${unread > 99 ? '99+' : unread}) ${bare}` : bare;
      if (document.title !== title) document.title = title;
    }
    // Browsers refuse it where the page is not installed.
    if (this.hasAttribute('app-badge')) navigator.setAppBadge?.(unread).catch(() => {});
    const at = this.getAttribute('favicon');
    if (at === null) return;
    const link = document.querySelector('link[rel~="icon"]') ?? document.head.appendChild(h('link', { rel: 'icon', href: '/favicon.ico' }));
    this.#icon ??= link.href;
    if (at) link.href = unread ? at : this.#icon;
    else this.#paint(link, unread);
  }

  // Without an address of another icon the dot is painted onto the one that is there,
  // for which a policy must let img-src have data:.
  #paint(link, unread) {
    if (!unread) return void (link.href = this.#icon);
    const img = new Image();
    img.onload = () => {
      const canvas = h('canvas', { width: 64, height: 64 });
      const c = canvas.getContext('2d');
      c.drawImage(img, 0, 0, 64, 64);
      c.fillStyle = '#d3302c';
      c.arc(46, 18, 17, 0, 7);
      c.fill();
      link.href = canvas.toDataURL();
    };
    img.src = this.#icon;
  }

  // Of several tabs the one that gets the lock is heard.
  #ring() {
    const at = this.getAttribute('sound');
    if (at === null) return;
    const play = async () => {
      if (at) return new Audio(at).play();
      const context = new AudioContext();
      const gain = context.createGain();
      gain.connect(context.destination);
      gain.gain.setValueAtTime(0.12, context.currentTime);
      gain.gain.exponentialRampToValueAtTime(0.001, context.currentTime + 0.9);
      for (const [frequency, after] of [[880, 0], [1318.5, 0.12]]) {
        const tone = context.createOscillator();
        tone.frequency.value = frequency;
        tone.connect(gain);
        tone.start(context.currentTime + after);
        tone.stop(context.currentTime + 0.9);
        tone.onended = () => after && context.close();
      }
    };
    // Before the first click on a page browsers refuse sound.
    const once = () => play().catch(() => {}).then(() => new Promise((done) => setTimeout(done, 1000)));
    if (navigator.locks) navigator.locks.request('belfry-sound', { ifAvailable: true }, (lock) => lock && once());
    else if (!document.hidden) once();
  }
}

if (!customElements.get('belfry-bell')) customElements.define('belfry-bell', BelfryBell);
