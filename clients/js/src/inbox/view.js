// The view of a <belfry-inbox>: the list of one user's notifications, and what is done
// with it. It is loaded when an inbox is there, or a bell has shown its number.
import { h, icon, isRTL, say, set, sheet } from '../dom.js';
import { fillHelp } from './help.js';
import { Looks } from './looks.js';
import { Menu } from './menu.js';
import { Mutes } from './mutes.js';
import { fillRow, makeRow, paths, pinned } from './row.js';
import { speech, when } from './speech.js';
import { viewStyles } from './styles.js';
import { en } from './text.js';

const told = 5000; // ms that a word on the screen stays, and may be undone

const styles = sheet(viewStyles);

export class View {
  #inbox; // the element
  #languages; // that there are words of
  #category;
  #status;
  #list;
  #rows = new Map(); // by seq
  #days = new Map(); // by heading
  #at; // seq of the row that Tab comes to
  #newest; // the highest seq that was on the screen
  #undo;
  #held = []; // what undo takes back: deletes that follow each other are one
  #menu;
  #mutes = new Mutes();
  #settings;
  #looks = new Looks((rows) => this.#seen(rows));
  #clock;
  #near; // whether the end of the list is near the screen
  #$ = {};

  /** Stands in the inbox's shadow in place of what is there, and starts with a list by filter. */
  constructor(inbox, { status = 'all', category }, languages) {
    this.#inbox = inbox;
    this.#languages = languages;
    this.#status = status;
    this.#category = category ?? undefined;
    inbox.shadowRoot.adoptedStyleSheets = [...inbox.shadowRoot.adoptedStyleSheets, styles];
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
        button('settings', { class: 'i', hidden: true, onclick: () => this.#configure() }, icon(paths.settings)),
        h('slot', { name: 'header' })),
      ($.tabs = h('div', { id: 'tabs', role: 'tablist', part: 'tabs', onkeydown: (e) => this.#tabKey(e) })),
      ($.filters = h('div', { id: 'filters', role: 'group', part: 'filters' },
        button('unreadOnly', { onclick: () => this.show({ status: this.#status === 'unread' ? 'all' : 'unread' }) }, h('span')),
        button('important', { onclick: () => set(this.#inbox, 'order', this.#order ? null : 'importance') }, h('span')))),
      this.#mutes.element,
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
    this.#menu = new Menu(this.#inbox, (item, until) => this.#snooze(item, until));
    $.root.append(this.#menu.element);
    this.#inbox.shadowRoot.replaceChildren($.root);
    new IntersectionObserver((entries) => {
      this.#near = entries.at(-1).isIntersecting;
      this.#more();
    }, { rootMargin: '400px', scrollMargin: '400px' }).observe($.end);
  }

  get #order() {
    return this.#inbox.getAttribute('order') === 'importance' ? 'importance' : undefined;
  }

  /** Shows another list: `{status: 'all'|'unread'|'archived'|'scheduled', category}`. */
  show({ status = this.#status, category = this.#category } = {}) {
    this.#status = status;
    this.#category = category ?? undefined;
    this.open();
  }

  start() {
    const inbox = this.#inbox;
    const t = (inbox.t = { ...en, ...inbox.t });
    const { language } = inbox;
    inbox.speech = speech(inbox.locale);
    const $ = this.#$;
    set($.root, 'lang', language);
    for (const name of ['title', 'markAll', 'keys', 'settings', 'filters']) {
      if (name === 'title') say($.title, t.title);
      else set($[name], 'aria-label', t[name]);
      if ($[name].type) $[name].title = t[name];
    }
    say($.unreadOnly.firstChild, t.unreadOnly);
    say($.important.firstChild, t.important);
    say($.undo, t.undo);
    fillHelp($.help, t);
    addEventListener('pagehide', this.#looks.send);
    document.addEventListener('visibilitychange', this.#awake);
    this.#clock = setInterval(this.#awake, 2e4);
    this.open();
  }

  /** Somebody looks again, perhaps after a while at another device. */
  look() {
    this.#mutes.ask(this.#inbox);
  }

  stop() {
    this.#settings?.close();
    this.#untell();
    removeEventListener('pagehide', this.#looks.send);
    document.removeEventListener('visibilitychange', this.#awake);
    clearInterval(this.#clock);
    this.#list?.close();
    this.#list = undefined;
    this.#clear();
  }

  // A hidden page sees nothing, and its clock stands still.
  #awake = (event) => {
    if (document.hidden) return this.#looks.send();
    if (event) this.look();
    this.#looks.again();
    this.#draw();
  };

  #clear() {
    for (const row of this.#rows.values()) this.#forget(row);
    this.#rows.clear();
    this.#days.clear();
    this.#$.list.replaceChildren();
    this.#newest = undefined;
  }

  /** Lists anew. */
  open() {
    if (!this.#inbox.client) return;
    this.#list?.close();
    this.#clear();
    this.#$.scroll.scrollTop = 0;
    this.#list = this.#inbox.client.list({ status: this.#status, category: this.#category, order: this.#order });
    this.#list.subscribe(() => this.#draw());
    this.changed();
  }

  #again() {
    if (this.#inbox.client.state.status === 'signed-out') this.#inbox.emit('belfry-signin');
    else {
      this.#inbox.client.reconnect?.();
      this.#list.refresh();
    }
  }

  // Pinned items may stand on any page.
  #more() {
    const { loading, done, error, items } = this.#list ?? {};
    if ((this.#near || this.#inbox.hasAttribute('pin')) && items?.length && !loading && !done && !error) this.#list.more();
  }

  changed() {
    if (!this.#list) return;
    this.#$.settings.hidden = !this.#inbox.can('reach');
    this.#drawTabs();
    this.#mutes.draw(this.#inbox, this.#status !== 'unread');
    this.#draw();
  }

  /** Unread of a category, or of all. */
  #unread(category) {
    const { counts } = this.#inbox.client.state;
    return (category === undefined ? counts?.unread : counts?.categories?.[category]?.unread) ?? 0;
  }

  #drawTabs() {
    const { t } = this.#inbox;
    const $ = this.#$;
    const categories = Object.keys(this.#inbox.client.state.counts?.categories ?? {}).sort();
    if (this.#category !== undefined && !categories.includes(this.#category)) categories.push(this.#category);
    const apart = { archived: 'archive', scheduled: 'later' }[this.#status];
    const tabs = [['all', t.all], ...categories.map((c) => [`c:${c}`, this.#inbox.name(c), c]),
      ...(this.#inbox.can('time') ? [['later', t.scheduled, null, 'scheduled']] : []), ['archive', t.archive, null, 'archived']];
    const selected = apart ?? (this.#category === undefined ? 'all' : `c:${this.#category}`);
    const old = new Map([...$.tabs.children].map((b) => [b.dataset.tab, b]));
    tabs.forEach(([id, name, category, status], i) => {
      const b = old.get(id) ?? h('button', { type: 'button', role: 'tab', part: 'tab', 'data-tab': id, 'aria-controls': 'scroll',
        onclick: () => this.show({ status: status ?? (this.#status === 'unread' ? 'unread' : 'all'), category: category ?? null }) },
      h('bdi'), h('span', { class: 'n' }), h('span', { class: 'v' }));
      old.delete(id);
      const n = status ? 0 : this.#unread(category);
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
    $.filters.hidden = !!apart;
    set($.unreadOnly, 'aria-pressed', `${this.#status === 'unread'}`);
    set($.important, 'aria-pressed', `${!!this.#order}`);
    set($.markAll, 'aria-disabled', `${!!apart || !this.#unread(this.#category)}`);
  }

  #draw() {
    if (!this.#list) return;
    const { t } = this.#inbox;
    const $ = this.#$;
    const { items, loading, done, error } = this.#list;
    const { status, error: problem } = this.#inbox.client.state;
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
    const { t } = this.#inbox;
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
      scheduled: () => [says(paths.later, t.noScheduled, way(t.showAll, () => this.show({ status: 'all' })))],
      archived: () => [says(paths.put, t.noArchive, way(t.showAll, () => this.show({ status: 'all' })))],
    }[state]());
  }

  // Several that come at once are one announcement; what was there at first, or
  // comes in read, is none.
  #announce(items, loading) {
    const top = Math.max(0, ...items.map((i) => i.seq));
    if (this.#newest !== undefined && !['archived', 'scheduled'].includes(this.#status)) {
      const fresh = items.filter((i) => i.seq > this.#newest && !i.read && !i.pending);
      if (fresh.length) say(this.#$.news, fresh.length > 1 ? this.#inbox.say('many', { n: fresh.length }) : this.#inbox.say('one', { title: fresh[0].title }));
    }
    if (!loading || items.length) this.#newest = Math.max(this.#newest ?? 0, top);
  }

  // Each item keeps its element while it is listed, so that the focus stays.
  #drawRows(items) {
    const { t } = this.#inbox;
    const $ = this.#$;
    const now = Date.now();
    const before = [...this.#rows.keys()];
    const focus = this.#inbox.shadowRoot.activeElement;
    const lost = focus?.closest('li') ? before.indexOf(+focus.closest('li').dataset.seq) : -1;
    const last = Math.max(...before); // of none it is infinitely low, and nothing is fresh
    const rows = new Map();
    const days = new Map();
    const pins = this.#inbox.hasAttribute('pin') ? items.filter((item) => pinned(item, now)) : [];
    for (const item of new Set([...pins, ...items])) {
      const heading = pins.includes(item) ? t.pinned : this.#order ? t[item.priority === 'urgent' || item.priority === 'high' ? item.priority : 'rest']
        : this.#inbox.speech.day(when(item, now), now);
      if (!days.has(heading)) days.set(heading, []);
      let row = this.#rows.get(item.seq);
      if (!row) {
        row = this.#row(item.seq);
        if (before.length && item.seq > last) row.element.classList.add('in');
        this.#looks.add(row);
      }
      if (row.item !== item) fillRow(row, item, this.#inbox, (category) => this.#inbox.name(category));
      if (item.until) say(row.time, this.#inbox.speech.clock(when(item, now)));
      else if (item.time) say(row.time, this.#inbox.speech.ago(when(item, now), now));
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
    if (lost >= 0 && this.#inbox.shadowRoot.activeElement !== focus) {
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
      read: () => this.#toggleRead(row), put: () => this.#put(row), remove: () => this.#remove(row), later: () => this.#later(row),
    });
    return row;
  }

  #opened(row) {
    const open = row.element.classList.toggle('open');
    set(row.more, 'aria-expanded', `${open}`);
  }

  #forget(row) {
    this.#looks.remove(row);
    row.element.remove();
  }

  // All that is unseen goes as one horizon, the version on the screen; else by name.
  #seen(rows) {
    if (!this.#inbox.client) return;
    const { counts } = this.#inbox.client.state;
    const all = counts && rows.length > 1 && counts.unseen === rows.length;
    // The next look says it again.
    this.#inbox.client.seen(all ? { up_to: counts.version } : { seqs: rows.map((row) => row.item.seq) }).catch(() => {});
  }

  // ---- what is done with items

  #do(promise) {
    promise.catch((error) => this.#tell(this.#inbox.say('failed', { why: error.message })));
  }

  #follow(row, e) {
    const { item } = row;
    if (!item.read) this.#do(this.#inbox.client.read({ seqs: [item.seq] }));
    if (!this.#inbox.emit('belfry-open', { item, event: e })) e.preventDefault();
  }

  #toggleRead({ item }) {
    const read = item.read;
    this.#do(read ? this.#inbox.client.unread({ seqs: [item.seq] }) : this.#inbox.client.read({ seqs: [item.seq] }));
  }

  #put({ item: { seq, archived } }) {
    const [there, back] = archived ? ['unarchive', 'archive'] : ['archive', 'unarchive'];
    this.#do(this.#inbox.client[there]({ seqs: [seq] }));
    this.#tell(this.#inbox.t[archived ? 'done_back' : 'done_put'], () => this.#do(this.#inbox.client[back]({ seqs: [seq] })));
  }

  // The word to the server waits for an undo, or for the page to end.
  #remove({ item }) {
    const before = this.#held;
    const { done, undo } = this.#inbox.client.hold('remove', { seqs: [item.seq] });
    const held = [...before, undo];
    const n = held.length;
    this.#tell(n > 1 ? this.#inbox.say('done_removes', { n }) : this.#inbox.t.done_remove, () => held.forEach((back) => back()));
    this.#held = held;
    this.#do(done);
  }

  #later(row) {
    const { item } = row;
    if (!item.until) return this.#menu.open(row, isRTL(this.#inbox));
    this.#do(this.#inbox.client.unsnooze({ seqs: [item.seq] }));
    this.#tell(this.#inbox.t.done_back);
  }

  #snooze(item, until) {
    const { done, undo } = this.#inbox.client.hold('snooze', { seqs: [item.seq], until });
    this.#tell(this.#inbox.say('done_later', { when: this.#inbox.speech.full(until) }), undo);
    this.#do(done);
  }

  mute(category, muted) {
    const mute = (on) => this.#do(this.#inbox.client[on ? 'mute' : 'unmute']({ category }));
    mute(muted);
    this.#tell(this.#inbox.say(muted ? 'done_mute' : 'done_unmute', { name: this.#inbox.name(category) }), () => mute(!muted));
  }

  // Few open them: they are no part of what a page loads.
  #configure() {
    this.#do(import('./settings.js').then(({ Settings }) => {
      this.#settings = new Settings({ inbox: this.#inbox, root: this.#$.root, from: this.#$.settings, attempt: (promise) => this.#do(promise), languages: Object.keys(this.#languages) });
    }));
  }

  #markAll() {
    if (this.#$.markAll.getAttribute('aria-disabled') === 'true') return;
    this.#do(this.#inbox.client.markAll('read', { category: this.#category }));
  }

  #undoes() {
    const undo = this.#undo;
    this.#untell();
    undo?.();
    this.#rows.get(this.#at)?.main.focus();
  }

  #tell(text, undo) {
    const $ = this.#$;
    this.#untell();
    this.#undo = undo;
    say($.toastText, text);
    say($.news, text);
    $.undo.hidden = !undo;
    $.toast.hidden = false;
    this.#telling = setTimeout(() => this.#untell(), told);
  }

  #untell() {
    clearTimeout(this.#telling);
    this.#undo = undefined;
    this.#held = [];
    this.#$.toast.hidden = true;
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
    return isRTL(this.#inbox) ? 'ArrowLeft' : 'ArrowRight';
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
      else if (key === 's' && this.#inbox.can('time')) this.#later(row);
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
