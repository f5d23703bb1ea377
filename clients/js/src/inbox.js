// <belfry-inbox>: the list of one user's notifications, and what is done with it.
import { Base, h, icon, say, set, sheet } from './base.js';
import { fillRow, makeRow, paths } from './row.js';
import { inboxStyles } from './styles.js';

const held = 5000; // ms that a delete may be undone
const dwell = 1000; // ms on the screen that make an item seen

const sheetOfInbox = sheet(inboxStyles);

export class BelfryInbox extends Base {
  #category;
  #status = 'all';
  #list;
  #rows = new Map(); // by seq
  #days = new Map(); // by heading
  #at; // seq of the row that Tab comes to
  #newest; // the highest seq that was on the screen
  #held = new Map(); // seq to item: deleted, but for the word to the server
  #holding;
  #undo;
  #watch; // of what is on the screen
  #look = new Set(); // seqs that were looked at since the last word to the server
  #looking;
  #clock;
  #near; // whether the end of the list is near the screen
  #$ = {};

  constructor() {
    super(sheetOfInbox);
    this.#build();
  }

  #build() {
    const $ = this.#$;
    const button = (name, props, ...kids) => ($[name] = h('button', { type: 'button', part: 'button', ...props }, ...kids));
    $.root = h('div', { id: 'root', part: 'inbox', onkeydown: (e) => this.#key(e) },
      h('div', { id: 'top', part: 'header' },
        ($.title = h('h2', { id: 'title', part: 'title' })),
        button('markAll', { class: 'i', onclick: () => this.#markAll() }, icon(paths.all)),
        button('keys', { class: 'i', popovertarget: 'help' }, icon(paths.keys)),
        h('slot', { name: 'header' })),
      ($.tabs = h('div', { id: 'tabs', role: 'tablist', part: 'tabs', onkeydown: (e) => this.#tabKey(e) })),
      ($.filters = h('div', { id: 'filters', role: 'group', part: 'filters' },
        button('unreadOnly', { onclick: () => this.show({ status: this.#status === 'unread' ? 'all' : 'unread' }) }, h('span')),
        button('important', { onclick: () => set(this, 'order', this.#order ? null : 'importance') }, h('span')))),
      ($.banner = h('div', { id: 'banner', part: 'banner', hidden: true }, ($.problem = h('p', { role: 'alert' })),
        button('again', { class: 't', onclick: () => this.#again() }))),
      ($.scroll = h('div', { id: 'scroll', part: 'scroll', role: 'tabpanel', 'aria-labelledby': 'title' },
        ($.list = h('div', { id: 'list', onfocusin: (e) => this.#focused(e) })),
        ($.none = h('div', { hidden: true, part: 'empty' })),
        ($.end = h('div', { id: 'end' })))),
      ($.toast = h('div', { id: 'toast', part: 'toast', hidden: true }, ($.toastText = h('span')),
        button('undo', { class: 't', onclick: () => this.#undoes() }))),
      ($.news = h('p', { class: 'v', role: 'status' })),
      ($.help = h('div', { id: 'help', popover: 'auto', part: 'help', role: 'dialog', 'aria-labelledby': 'keys-title' })));
    this.shadowRoot.append($.root);
    this.#watch = new IntersectionObserver((entries) => entries.forEach((e) => this.#onScreen(e)), { threshold: 0.5 });
    new IntersectionObserver((entries) => {
      this.#near = entries.at(-1).isIntersecting;
      this.#more();
    }, { rootMargin: '400px', scrollMargin: '400px' }).observe($.end);
  }

  static get observedAttributes() {
    return [...Base.observedAttributes, 'order', 'status', 'category'];
  }

  attributeChangedCallback(name, was, is) {
    if (name === 'status') this.#status = is ?? 'all';
    if (name === 'category') this.#category = is ?? undefined;
    if (!['order', 'status', 'category'].includes(name)) super.attributeChangedCallback();
    else if (this.client && was !== is) this.#open();
  }

  get #order() {
    return this.getAttribute('order') === 'importance' ? 'importance' : undefined;
  }

  /** Shows another list: `{status: 'all'|'unread'|'archived', category}`. */
  show({ status = this.#status, category = this.#category } = {}) {
    this.#status = status;
    this.#category = category ?? undefined;
    this.#open();
  }

  start() {
    const { t, language } = this;
    const $ = this.#$;
    set($.root, 'lang', language);
    for (const name of ['title', 'markAll', 'keys', 'filters']) {
      if (name === 'title') say($.title, t.title);
      else set($[name], 'aria-label', t[name]);
      if ($[name].type) $[name].title = t[name];
    }
    say($.unreadOnly.firstChild, t.unreadOnly);
    say($.important.firstChild, t.important);
    say($.undo, t.undo);
    const keys = [['↓ ↑', t.kMove], ['→ ←', t.kActions], ['Enter', t.kOpen], ['U', t.kRead], ['E', t.kPut], ['Del', t.kRemove], ['Z', t.kUndo], ['?', t.keys]];
    $.help.replaceChildren(h('h2', { id: 'keys-title' }, t.keys), h('dl', null, keys.flatMap(([names, what]) => [
      h('dt', null, names.split(' ').map((k) => h('kbd', null, k))), h('dd', null, what)])));
    addEventListener('pagehide', this.#leave);
    document.addEventListener('visibilitychange', this.#awake);
    this.#clock = setInterval(this.#awake, 2e4);
    this.#open();
  }

  stop() {
    this.#send();
    removeEventListener('pagehide', this.#leave);
    document.removeEventListener('visibilitychange', this.#awake);
    clearInterval(this.#clock);
    this.#list?.close();
    this.#list = undefined;
    this.#clear();
  }

  #leave = () => {
    this.#send();
    this.#sendSeen();
  };

  // A hidden page sees nothing, and its clock stands still.
  #awake = () => {
    if (document.hidden) return this.#sendSeen();
    for (const row of this.#rows.values()) {
      this.#watch.unobserve(row.element);
      this.#watch.observe(row.element);
    }
    this.#draw();
  };

  #clear() {
    for (const row of this.#rows.values()) this.#forget(row);
    this.#rows.clear();
    this.#days.clear();
    this.#$.list.replaceChildren();
    this.#newest = undefined;
  }

  #open() {
    if (!this.client) return;
    this.#list?.close();
    this.#clear();
    this.#$.scroll.scrollTop = 0;
    this.#list = this.client.list({ status: this.#status, category: this.#category, order: this.#order });
    this.#list.subscribe(() => this.#draw());
    this.changed();
  }

  #again() {
    if (this.client.state.status === 'signed-out') this.emit('belfry-signin');
    else {
      this.client.reconnect?.();
      this.#list.refresh();
    }
  }

  #more() {
    const { loading, done, error, items } = this.#list ?? {};
    if (this.#near && items?.length && !loading && !done && !error) this.#list.more();
  }

  changed() {
    if (!this.#list) return;
    this.#drawTabs();
    this.#draw();
  }

  /** Unread of a category, or of all, without what is being deleted. */
  #unread(category) {
    const { counts } = this.client.state;
    const gone = [...this.#held.values()].filter((i) => !i.read && !i.archived && (category === undefined || i.category === category));
    const n = (category === undefined ? counts?.unread : counts?.categories?.[category]?.unread) ?? 0;
    return Math.max(0, n - gone.length);
  }

  #name(category) {
    return this.t[`category.${category}`] ?? category.charAt(0).toLocaleUpperCase(this.language) + category.slice(1);
  }

  #drawTabs() {
    const { t } = this;
    const $ = this.#$;
    const categories = Object.keys(this.client.state.counts?.categories ?? {}).sort();
    if (this.#category !== undefined && !categories.includes(this.#category)) categories.push(this.#category);
    const archived = this.#status === 'archived';
    const tabs = [['all', t.all], ...categories.map((c) => [`c:${c}`, this.#name(c), c]), ['archive', t.archive]];
    const selected = archived ? 'archive' : this.#category === undefined ? 'all' : `c:${this.#category}`;
    const old = new Map([...$.tabs.children].map((b) => [b.dataset.tab, b]));
    tabs.forEach(([id, name, category], i) => {
      const b = old.get(id) ?? h('button', { type: 'button', role: 'tab', part: 'tab', 'data-tab': id, 'aria-controls': 'scroll',
        onclick: () => this.show(id === 'archive' ? { status: 'archived', category: null }
          : { status: this.#status === 'archived' ? 'all' : this.#status, category: category ?? null }) },
      h('bdi'), h('span', { class: 'n' }), h('span', { class: 'v' }));
      old.delete(id);
      const n = id === 'archive' ? 0 : this.#unread(category);
      const [label, count, hint] = b.children;
      say(label, name);
      say(count, n > 99 ? '99+' : `${n}`);
      set(count, 'aria-hidden', 'true');
      count.hidden = !n;
      say(hint, n ? ` (${n} ${t.isUnread})` : '');
      set(b, 'aria-selected', `${id === selected}`);
      b.tabIndex = id === selected ? 0 : -1;
      if ($.tabs.children[i] !== b) $.tabs.insertBefore(b, $.tabs.children[i] ?? null);
    });
    for (const b of old.values()) b.remove();
    $.filters.hidden = archived;
    set($.unreadOnly, 'aria-pressed', `${this.#status === 'unread'}`);
    set($.important, 'aria-pressed', `${!!this.#order}`);
    set($.markAll, 'aria-disabled', `${archived || !this.#unread(this.#category)}`);
  }

  #draw() {
    if (!this.#list) return;
    const { t } = this;
    const $ = this.#$;
    const { items: all, loading, done, error } = this.#list;
    const { status, error: problem } = this.client.state;
    const items = all.filter((i) => !this.#held.has(i.seq));
    this.#announce(items, loading);
    this.#drawRows(items);
    const out = status === 'signed-out';
    const failed = error ?? (out ? problem : undefined);
    const empty = !items.length && (done || out || failed);
    $.banner.hidden = !(status === 'offline' || failed || out) || (empty && !out);
    say($.problem, $.banner.hidden ? '' : out ? t.signedOut : status === 'offline' ? t.offline : t.lost);
    say($.again, out ? t.signIn : t.retry);
    set($.scroll, 'aria-busy', loading && !items.length ? 'true' : null);
    const state = items.length ? '' : !empty ? 'loading' : out ? '' : failed ? 'lost' : this.#status;
    if ($.none.dataset.state !== state) this.#none(state);
    const end = !items.length ? '' : done ? t.end : loading ? t.loading : error ? 'more' : '';
    if (end === 'more') {
      if (!$.end.firstElementChild) $.end.replaceChildren(h('button', { class: 't', type: 'button', onclick: () => this.#list.more() }, t.older));
    } else say($.end, end);
    this.#more(); // a page that does not fill the screen moves nothing
  }

  /** The text in place of a list: nothing there, not there yet, not to be had. */
  #none(state) {
    const { t } = this;
    const { none } = this.#$;
    none.dataset.state = state;
    none.hidden = !state;
    const way = (text, onclick) => h('button', { class: 't', type: 'button', onclick }, text);
    const says = (d, text, ...more) => h('div', { class: 'st' }, icon(d), h('b', null, text), ...more);
    none.replaceChildren(...{
      '': () => [],
      loading: () => [h('div', { class: 'sk', role: 'img', 'aria-label': t.loading }, ...Array.from({ length: 5 }, () => h('i')))],
      lost: () => [says(paths.lost, t.lost, way(t.retry, () => this.#again()))],
      all: () => [says(paths.check, t.caughtUp, h('p', null, t.comes)), h('slot', { name: 'empty' })],
      unread: () => [says(paths.check, t.noUnread, way(t.showAll, () => this.show({ status: 'all' })))],
      archived: () => [says(paths.put, t.noArchive, way(t.showAll, () => this.show({ status: 'all' })))],
    }[state]());
  }

  // Several that come at once are one announcement; what was there at first, or
  // comes in read, is none.
  #announce(items, loading) {
    const top = Math.max(0, ...items.map((i) => i.seq));
    if (this.#newest !== undefined && this.#status !== 'archived') {
      const fresh = items.filter((i) => i.seq > this.#newest && !i.read && !i.pending);
      if (fresh.length) say(this.#$.news, fresh.length > 1 ? this.say('many', { n: fresh.length }) : this.say('one', { title: fresh[0].title }));
    }
    if (!loading || items.length) this.#newest = Math.max(this.#newest ?? 0, top);
  }

  // Each item keeps its element while it is listed, so that the focus stays.
  #drawRows(items) {
    const { t } = this;
    const $ = this.#$;
    const now = Date.now();
    const before = [...this.#rows.keys()];
    const focus = this.shadowRoot.activeElement;
    const lost = focus?.closest('li') ? before.indexOf(+focus.closest('li').dataset.seq) : -1;
    const fresh = this.#rows.size > 0;
    const rows = new Map();
    const days = new Map();
    for (const item of items) {
      const heading = this.#order ? t[item.priority === 'urgent' || item.priority === 'high' ? item.priority : 'rest']
        : this.speech.day(Date.parse(item.time) || now, now);
      if (!days.has(heading)) days.set(heading, []);
      let row = this.#rows.get(item.seq);
      if (!row) {
        row = this.#row(item.seq);
        if (fresh && item.seq > before[0]) row.element.classList.add('in');
        this.#watch.observe(row.element);
      }
      if (row.item !== item) fillRow(row, item, this, (category) => this.#name(category));
      if (item.time) say(row.time, this.speech.ago(Date.parse(item.time), now));
      rows.set(item.seq, row);
      days.get(heading).push(row.element);
    }
    for (const [seq, row] of this.#rows) if (!rows.has(seq)) this.#forget(row);
    this.#rows = rows;
    const old = this.#days;
    this.#days = new Map([...days].map(([heading, elements], i) => {
      const id = `day-${i}`;
      const day = old.get(heading) ?? h('section', null, h('h3', { part: 'day' }, heading), h('ul', { role: 'list', 'aria-label': heading }));
      place($.list, i, day);
      elements.forEach((e, j) => place(day.lastChild, j, e));
      while (day.lastChild.children.length > elements.length) day.lastChild.lastChild.remove();
      return [heading, day, id];
    }));
    while ($.list.children.length > days.size) $.list.lastChild.remove();
    const seqs = [...rows.keys()];
    // Tab comes back to where it was, at first to the newest.
    if (this.#at !== undefined && !rows.has(this.#at)) this.#at = lost < 0 ? undefined : seqs[Math.min(lost, seqs.length - 1)];
    const stop = this.#at ?? seqs[0];
    for (const [seq, row] of rows) row.main.tabIndex = seq === stop ? 0 : -1;
    if (lost >= 0 && this.shadowRoot.activeElement !== focus) {
      // A row that moved to another day gets it back, one that is gone hands it on.
      if (focus.isConnected) focus.focus();
      else if (rows.size) rows.get(this.#at ?? seqs[0]).main.focus();
      else this.#tab().focus();
    }
  }

  #tab() {
    return this.#$.tabs.querySelector('[tabindex="0"]');
  }

  #row(seq) {
    const row = makeRow(seq, {
      follow: (e) => this.#follow(row, e), open: () => this.#opened(row),
      read: () => this.#toggleRead(row), put: () => this.#put(row), remove: () => this.#remove(row),
    });
    return row;
  }

  #opened(row) {
    const open = row.element.classList.toggle('open');
    set(row.more, 'aria-expanded', `${open}`);
  }

  #forget(row) {
    clearTimeout(row.dwell);
    this.#watch.unobserve(row.element);
    row.element.remove();
  }

  // ---- seen: what was on the screen for a moment

  #onScreen({ target, isIntersecting }) {
    const row = this.#rows.get(+target.dataset.seq);
    if (!row) return;
    clearTimeout(row.dwell);
    if (!isIntersecting || document.hidden) return;
    row.dwell = setTimeout(() => {
      if (document.hidden || row.item.seen || row.item.archived) return;
      this.#look.add(row.item.seq);
      this.#looking ??= setTimeout(() => this.#sendSeen(), 300);
    }, dwell);
  }

  // All that is unseen goes as one horizon, the version on the screen; else by name.
  #sendSeen() {
    clearTimeout(this.#looking);
    this.#looking = undefined;
    const seqs = [...this.#look].filter((seq) => this.#rows.get(seq)?.item.seen === false);
    this.#look.clear();
    if (!seqs.length || !this.client) return;
    const { counts } = this.client.state;
    const all = counts && seqs.length > 1 && counts.unseen === seqs.length;
    // The next look says it again.
    this.client.seen(all ? { up_to: counts.version } : { seqs }).catch(() => {});
  }

  // ---- what is done with items

  #do(promise) {
    promise.catch((error) => this.#tell(this.say('failed', { why: error.message })));
  }

  #follow(row, e) {
    const { item } = row;
    if (!item.read) this.#do(this.client.read({ seqs: [item.seq] }));
    if (!this.emit('belfry-open', { item, event: e })) e.preventDefault();
  }

  #toggleRead({ item }) {
    const read = item.read;
    this.#do(read ? this.client.unread({ seqs: [item.seq] }) : this.client.read({ seqs: [item.seq] }));
  }

  #put({ item: { seq, archived } }) {
    const [there, back] = archived ? ['unarchive', 'archive'] : ['archive', 'unarchive'];
    this.#do(this.client[there]({ seqs: [seq] }));
    this.#tell(this.t[archived ? 'done_back' : 'done_put'], () => this.#do(this.client[back]({ seqs: [seq] })));
  }

  // The word to the server waits for an undo, or for the page to end.
  #remove({ item }) {
    this.#held.set(item.seq, item);
    clearTimeout(this.#holding);
    this.#holding = setTimeout(() => this.#send(), held);
    const n = this.#held.size;
    this.#tell(n > 1 ? this.say('done_removes', { n }) : this.t.done_remove, () => {
      clearTimeout(this.#holding);
      this.#held.clear();
      this.changed();
    });
    this.changed();
  }

  #send() {
    clearTimeout(this.#holding);
    const seqs = [...this.#held.keys()];
    if (!seqs.length || !this.client) return;
    this.#do(this.client.remove({ seqs }));
    // The client has taken them out of its lists by now, and puts them back if it is refused.
    this.#held.clear();
    this.#$.toast.hidden = true;
    this.changed();
  }

  #markAll() {
    if (this.#$.markAll.getAttribute('aria-disabled') === 'true') return;
    this.#do(this.client.markAll('read', { category: this.#category }));
  }

  #undoes() {
    const undo = this.#undo;
    this.#undo = undefined;
    this.#$.toast.hidden = true;
    undo?.();
    this.#rows.get(this.#at)?.main.focus();
  }

  #tell(text, undo) {
    const $ = this.#$;
    this.#undo = undo;
    say($.toastText, text);
    say($.news, text);
    $.undo.hidden = !undo;
    $.toast.hidden = false;
    clearTimeout(this.#telling);
    this.#telling = setTimeout(() => {
      this.#undo = undefined;
      $.toast.hidden = true;
    }, held);
  }

  #telling;

  // ---- keys

  #focused(e) {
    const seq = +e.target.closest('li')?.dataset.seq;
    if (!this.#rows.has(seq) || seq === this.#at) return;
    this.#at = seq;
    for (const [of, row] of this.#rows) row.main.tabIndex = of === seq ? 0 : -1;
  }

  get #forward() {
    return getComputedStyle(this).direction === 'rtl' ? 'ArrowLeft' : 'ArrowRight';
  }

  #tabKey(e) {
    const tabs = [...this.#$.tabs.children];
    const i = tabs.indexOf(e.target);
    const to = { [this.#forward]: i + 1, [this.#forward === 'ArrowLeft' ? 'ArrowRight' : 'ArrowLeft']: i - 1, Home: 0, End: tabs.length - 1 }[e.key];
    if (to === undefined || i < 0) return;
    e.preventDefault();
    tabs.at(to % tabs.length).click();
    this.#tab().focus();
  }

  #key(e) {
    if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented) return;
    const rows = [...this.#rows.values()];
    const key = e.key.length === 1 ? e.key.toLowerCase() : e.key;
    if (key === '?') this.#$.help.togglePopover();
    else if (key === 'z' && this.#undo) this.#undoes();
    else {
      const i = rows.findIndex((r) => r.element.contains(e.target));
      const row = rows[i];
      if (!row) return;
      const to = { ArrowDown: i + 1, j: i + 1, ArrowUp: i - 1, k: i - 1, Home: 0, End: rows.length - 1 }[key];
      if (to !== undefined) rows[to]?.main.focus();
      else if (key === 'ArrowLeft' || key === 'ArrowRight') {
        const all = [row.main, ...row.element.querySelectorAll('button')].filter((b) => getComputedStyle(b).display !== 'none');
        all[all.indexOf(e.target) + (key === this.#forward ? 1 : -1)]?.focus();
      } else if (key === 'u') this.#toggleRead(row);
      else if (key === 'e') this.#put(row);
      else if (key === 'Delete' || key === 'Backspace') this.#remove(row);
      else if ((key === 'Enter' || key === ' ') && e.target === row.main && (key === ' ' || !row.main.href)) row.main.click();
      else return;
    }
    e.preventDefault();
  }
}

function place(parent, i, e) {
  if (parent.children[i] !== e) parent.insertBefore(e, parent.children[i] ?? null);
}

if (!customElements.get('belfry-inbox')) customElements.define('belfry-inbox', BelfryInbox);
