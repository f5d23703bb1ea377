// The view of a <belfry-inbox>: the list of one user's notifications, and what is done
// with it. It is loaded when an inbox is there, or a bell has shown its number.
import { h, icon, isRTL, say, set, sheet } from '#dom';
import { makeLooks } from './looks.js';
import { fillRow, makeRow, paths, pinned, strong } from './row.js';
import { speech, when } from './speech.js';
import { viewStyles } from './styles.js';
import { en } from './text.js';

const told = 5000; // ms that a word on the screen stays, and may be undone

const styles = sheet(viewStyles);

const stays = (parent, i, e) => parent.children[i] === e || parent.insertBefore(e, parent.children[i] ?? null);
const cut = (parent, n) => {
  while (parent.children.length > n) parent.lastChild.remove();
};

/**
 * Stands in the inbox's shadow in place of what is there, and starts with a list by
 * filter. languages are those that there are words of.
 */
export function makeView(inbox, { status = 'all', category }, languages) {
  const { shadowRoot } = inbox;
  let t; // the words
  let list;
  let rows = new Map(); // by seq
  let days = new Map(); // by heading
  let at; // seq of the row that Tab comes to
  let newest; // the highest seq that was on the screen
  let undo;
  let held = []; // what undo takes back: deletes that follow each other are one
  let muted; // the client whose muted categories were asked for
  let panel; // the settings
  let clock;
  let telling;
  let near; // whether the end of the list is near the screen

  const view = {
    /** Shows another list: `{status: 'all'|'unread'|'archived'|'scheduled', category}`. */
    show(to = {}) {
      status = to.status ?? status;
      category = (to.category === undefined ? category : to.category) ?? undefined;
      view.open();
    },

    start() {
      t = inbox.t = { ...en, ...inbox.t };
      inbox.speech = speech(inbox.locale);
      set(root, 'lang', inbox.language);
      say(title, t.title);
      set(filters, 'aria-label', t.filters);
      for (const [b, name] of [[all, 'markAll'], [keys, 'keys'], [settings, 'settings']]) {
        set(b, 'aria-label', t[name]);
        b.title = t[name];
      }
      say(unreadOnly.firstChild, t.unreadOnly);
      say(important.firstChild, t.important);
      say(back, t.undo);
      addEventListener('pagehide', looks.send);
      document.addEventListener('visibilitychange', awake);
      clock = setInterval(awake, 2e4);
      view.open();
    },

    /** Somebody looks again, perhaps after a while at another device, which may have muted something. */
    look() {
      if (!inbox.can('time')) return;
      muted = inbox.client;
      muted.mutes().catch(() => {});
    },

    stop() {
      panel?.close();
      untell();
      removeEventListener('pagehide', looks.send);
      document.removeEventListener('visibilitychange', awake);
      clearInterval(clock);
      list?.close();
      list = undefined;
      clear();
    },

    /** Lists anew. */
    open() {
      if (!inbox.client) return;
      list?.close();
      clear();
      scroll.scrollTop = 0;
      list = inbox.client.list({ status, category, order: order() });
      list.subscribe(draw);
      view.changed();
    },

    changed() {
      if (!list) return;
      settings.hidden = !inbox.can('reach');
      drawTabs();
      if (muted !== inbox.client) view.look();
      if (inbox.client.state.mutes?.length || shadowRoot.getElementById('mutes')) import('./asides.js').then(({ drawMutes }) => drawMutes(inbox, status !== 'unread'), () => {});
      draw();
    },

    /** Mutes a category, or has it heard again. */
    mute: (name, off) => aside(({ mute }) => mute(inbox, name, off, attempt, tell)),
  };

  // ---- what there is

  const button = (props, ...kids) => h('button', { part: 'button', ...props }, ...kids);
  const way = (text, onclick) => h('button', { class: 't', onclick }, text);
  const title = h('h2', { id: 'title', part: 'title' });
  const all = button({ class: 'i', onclick: () => all.ariaDisabled === 'true' || attempt(inbox.client.markAll('read', { category })) }, icon(paths.all));
  const keys = button({ class: 'i', 'aria-haspopup': 'dialog', onclick: () => help() }, icon(paths.keys));
  const settings = button({ class: 'i', hidden: true, onclick: () => configure() }, icon(paths.settings));
  const tabs = h('div', { id: 'tabs', role: 'tablist', part: 'tabs', onkeydown: (e) => tabKey(e) });
  const unreadOnly = button({ onclick: () => view.show({ status: status === 'unread' ? 'all' : 'unread' }) }, h('span'));
  const important = button({ onclick: () => set(inbox, 'order', order() ? null : 'importance') }, h('span'));
  const filters = h('div', { id: 'filters', role: 'group', part: 'filters' }, unreadOnly, important);
  const problem = h('p', { role: 'alert' });
  const again = button({ class: 't', onclick: () => retry() });
  const banner = h('div', { id: 'banner', part: 'banner', hidden: true }, problem, again);
  const items = h('div', { id: 'list', onfocusin: (e) => focused(e) });
  const none = h('div', { hidden: true, part: 'empty' });
  const end = h('div', { id: 'end' });
  const scroll = h('div', { id: 'scroll', part: 'scroll', role: 'tabpanel', 'aria-labelledby': 'title' }, items, none, end);
  const word = h('span');
  const back = button({ class: 't', onclick: () => undoes() });
  const toast = h('div', { id: 'toast', part: 'toast', hidden: true }, word, back);
  const news = h('p', { id: 'news', class: 'v', role: 'status' });
  const root = h('div', { id: 'root', part: 'inbox', onkeydown: (e) => key(e) },
    h('div', { id: 'top', part: 'header' }, title, all, keys, settings, h('slot', { name: 'header' })),
    tabs, filters, banner, scroll, toast, news);

  const order = () => (inbox.getAttribute('order') === 'importance' ? 'importance' : undefined);

  const retry = () => {
    if (inbox.client.state.status === 'signed-out') inbox.emit('belfry-signin');
    else {
      inbox.client.reconnect?.();
      list.refresh();
    }
  };

  // A hidden page sees nothing, and its clock stands still.
  const awake = (event) => {
    if (document.hidden) return looks.send();
    if (event) view.look();
    looks.again();
    draw();
  };

  const clear = () => {
    for (const row of rows.values()) forget(row);
    rows.clear();
    days.clear();
    items.replaceChildren();
    newest = undefined;
  };

  const forget = (row) => {
    looks.remove(row);
    row.element.remove();
  };

  // Pinned items may stand on any page.
  const more = () => {
    if (list && (near || inbox.hasAttribute('pin')) && list.items.length && !list.loading && !list.done && !list.error) list.more();
  };

  /** Unread of a category, or of all. */
  const unread = (name) => {
    const { counts } = inbox.client.state;
    return (name === undefined ? counts : counts?.categories?.[name])?.unread ?? 0;
  };

  const drawTabs = () => {
    const names = Object.keys(inbox.client.state.counts?.categories ?? {}).sort();
    if (category !== undefined && !names.includes(category)) names.push(category);
    const apart = { archived: 'archive', scheduled: 'later' }[status];
    const selected = apart ?? (category === undefined ? 'all' : `c:${category}`);
    const shown = [['all', t.all], ...names.map((c) => [`c:${c}`, inbox.name(c), c])];
    if (inbox.can('time')) shown.push(['later', t.scheduled, null, 'scheduled']);
    shown.push(['archive', t.archive, null, 'archived']);
    const old = new Map([...tabs.children].map((b) => [b.dataset.tab, b]));
    shown.forEach(([id, name, of, to], i) => {
      const b = old.get(id) ?? h('button', { role: 'tab', part: 'tab', 'data-tab': id, 'aria-controls': 'scroll',
        onclick: () => view.show({ status: to ?? (status === 'unread' ? 'unread' : 'all'), category: of ?? null }) },
      h('bdi'), h('span', { class: 'n', 'aria-hidden': 'true' }), h('span', { class: 'v' }));
      const n = to ? 0 : unread(of);
      const [label, count, hint] = b.children;
      say(label, name);
      say(count, n > 99 ? '99+' : `${n}`);
      count.hidden = !n;
      say(hint, n ? ` (${n} ${t.isUnread})` : '');
      set(b, 'aria-selected', `${id === selected}`);
      b.tabIndex = id === selected ? 0 : -1;
      stays(tabs, i, b);
    });
    cut(tabs, shown.length);
    filters.hidden = !!apart;
    set(unreadOnly, 'aria-pressed', `${status === 'unread'}`);
    set(important, 'aria-pressed', `${!!order()}`);
    set(all, 'aria-disabled', `${!!apart || !unread(category)}`);
  };

  const draw = () => {
    if (!list) return;
    const { loading, done, error } = list;
    const any = list.items.length > 0;
    const { state } = inbox.client;
    const out = state.status === 'signed-out';
    const offline = state.status === 'offline';
    const failed = error ?? (out && state.error);
    const empty = !any && (done || out || failed);
    announce();
    drawRows();
    banner.hidden = !(offline || failed || out) || (empty && !out);
    say(problem, banner.hidden ? '' : out ? t.signedOut : offline ? t.offline : t.lost);
    say(again, out ? t.signIn : t.retry);
    set(scroll, 'aria-busy', loading && !any ? 'true' : null);
    instead(any ? '' : !empty ? 'loading' : out ? '' : failed ? 'lost' : status);
    if (any && !done && !loading && error) {
      if (!end.firstElementChild) end.replaceChildren(way(t.older, () => list.more()));
    } else say(end, !any ? '' : done ? t.end : loading ? t.loading : '');
    more(); // a page that does not fill the screen moves nothing
  };

  /** The text in place of a list: nothing there, not there yet, not to be had. */
  const instead = (state) => {
    if (none.dataset.state === state) return;
    none.dataset.state = state;
    none.hidden = !state;
    none.replaceChildren();
    if (state === 'loading') none.append(h('div', { class: 'sk', role: 'img', 'aria-label': t.loading }, ...Array.from({ length: 5 }, () => h('i'))));
    else if (state) {
      const [d, text] = {
        lost: ['lost', t.lost], all: ['check', t.caughtUp], unread: ['check', t.noUnread], scheduled: ['later', t.noScheduled], archived: ['put', t.noArchive],
      }[state];
      none.append(
        h('div', { class: 'st' }, icon(paths[d]), h('b', null, text),
          state === 'all' ? h('p', null, t.comes) : state === 'lost' ? way(t.retry, retry) : way(t.showAll, () => view.show({ status: 'all' }))),
        state === 'all' ? h('slot', { name: 'empty' }) : '',
      );
    }
  };

  // Several that come at once are one announcement; what was there at first, or
  // comes in read, is none.
  const announce = () => {
    if (newest !== undefined && status !== 'archived' && status !== 'scheduled') {
      const fresh = list.items.filter((i) => i.seq > newest && !i.read && !i.pending);
      if (fresh.length) say(news, fresh.length > 1 ? inbox.say('many', { n: fresh.length }) : inbox.say('one', { title: fresh[0].title }));
    }
    if (!list.loading || list.items.length) newest = Math.max(newest ?? 0, ...list.items.map((i) => i.seq));
  };

  // Each item keeps its element while it is listed, so that the focus stays.
  const drawRows = () => {
    const now = Date.now();
    const before = [...rows.keys()];
    const focus = shadowRoot.activeElement;
    const lost = before.indexOf(seqOf(focus));
    const last = Math.max(...before); // of none it is infinitely low, and nothing is fresh
    const kept = new Map();
    const under = new Map(); // elements by heading
    const pins = inbox.hasAttribute('pin') ? list.items.filter((item) => pinned(item, now)) : [];
    for (const item of new Set([...pins, ...list.items])) {
      const { seq } = item;
      const heading = pins.includes(item) ? t.pinned : order() ? t[strong(item) ?? 'rest'] : inbox.speech.day(when(item, now), now);
      let row = rows.get(seq);
      if (!row) {
        row = makeRow(seq, { follow, open, read: toggleRead, put, remove, later });
        looks.add(row);
      }
      if (row.item !== item) fillRow(row, item, inbox);
      if (before.length && seq > last) row.element.classList.add('in');
      if (item.until) say(row.time, inbox.speech.clock(when(item, now)));
      else if (item.time) say(row.time, inbox.speech.ago(when(item, now), now));
      kept.set(seq, row);
      if (!under.has(heading)) under.set(heading, []);
      under.get(heading).push(row.element);
    }
    for (const [seq, row] of rows) if (!kept.has(seq)) forget(row);
    rows = kept;
    const old = days;
    days = new Map([...under].map(([heading, elements], i) => {
      const day = old.get(heading) ?? h('section', null, h('h3', { part: 'day' }, heading), h('ul', { role: 'list', 'aria-label': heading }));
      stays(items, i, day);
      elements.forEach((e, j) => stays(day.lastChild, j, e));
      cut(day.lastChild, elements.length);
      return [heading, day];
    }));
    cut(items, days.size);
    const seqs = [...rows.keys()];
    // Tab comes back to where it was, at first to the newest.
    if (!rows.has(at)) at = lost < 0 ? undefined : seqs[Math.min(lost, seqs.length - 1)];
    stop(at ?? seqs[0]);
    if (lost >= 0 && shadowRoot.activeElement !== focus) {
      // A row that moved to another day gets it back, one that is gone hands it on.
      (focus.isConnected ? focus : rows.get(at ?? seqs[0])?.main ?? tab()).focus();
    }
  };

  const seqOf = (e) => +(e?.closest('li')?.dataset.seq ?? NaN);

  // The row of that seq is the one that Tab comes to.
  const stop = (seq) => {
    for (const [of, row] of rows) row.main.tabIndex = of === seq ? 0 : -1;
  };

  const tab = () => tabs.querySelector('[tabindex="0"]');

  // All that is unseen goes as one horizon, the version on the screen; else by name.
  const looks = makeLooks((seen) => {
    if (!inbox.client) return;
    const { counts } = inbox.client.state;
    const every = counts && seen.length > 1 && counts.unseen === seen.length;
    // The next look says it again.
    inbox.client.seen(every ? { up_to: counts.version } : { seqs: seen.map((row) => row.item.seq) }).catch(() => {});
  });

  // ---- what is done with items

  const attempt = (promise) => promise.catch((error) => tell(inbox.say('failed', { why: error.message })));

  const act = (name, { seq }) => attempt(inbox.client[name]({ seqs: [seq] }));

  // Few ask for it: it is no part of what a page loads.
  const aside = (run) => attempt(import('./asides.js').then(run));

  const help = () => aside(({ toggleHelp }) => toggleHelp(inbox));

  const configure = () => attempt(import('./settings.js').then(({ Settings }) => {
    panel = new Settings({ inbox, root, from: settings, attempt, languages: Object.keys(languages) });
  }));

  const follow = ({ item }, e) => {
    if (!item.read) act('read', item);
    if (!inbox.emit('belfry-open', { item, event: e })) e.preventDefault();
  };

  const open = ({ element, more }) => set(more, 'aria-expanded', `${element.classList.toggle('open')}`);

  const toggleRead = ({ item }) => act(item.read ? 'unread' : 'read', item);

  const put = ({ item }) => {
    const [there, home] = item.archived ? ['unarchive', 'archive'] : ['archive', 'unarchive'];
    act(there, item);
    tell(t[item.archived ? 'done_back' : 'done_put'], () => act(home, item));
  };

  // The word to the server waits for an undo, or for the page to end.
  const remove = ({ item: { seq } }) => {
    const { done, undo: takeBack } = inbox.client.hold('remove', { seqs: [seq] });
    const both = [...held, takeBack];
    tell(both.length > 1 ? inbox.say('done_removes', { n: both.length }) : t.done_remove, () => both.forEach((run) => run()));
    held = both;
    attempt(done);
  };

  const later = (row) => {
    if (!row.item.until) return aside(({ openMenu }) => openMenu(inbox, row, snooze));
    act('unsnooze', row.item);
    tell(t.done_back);
  };

  const snooze = ({ seq }, until) => {
    const { done, undo: takeBack } = inbox.client.hold('snooze', { seqs: [seq], until });
    tell(inbox.say('done_later', { when: inbox.speech.full(until) }), takeBack);
    attempt(done);
  };

  const undoes = () => {
    const run = undo;
    untell();
    run?.();
    rows.get(at)?.main.focus();
  };

  const tell = (text, takeBack) => {
    untell();
    undo = takeBack;
    say(word, text);
    say(news, text);
    back.hidden = !undo;
    toast.hidden = false;
    telling = setTimeout(untell, told);
  };

  const untell = () => {
    clearTimeout(telling);
    undo = undefined;
    held = [];
    toast.hidden = true;
  };

  // ---- keys

  const focused = (e) => {
    const seq = seqOf(e.target);
    if (rows.has(seq)) stop((at = seq));
  };

  // 1 for the arrow that goes on, -1 for the one that goes back, 0 for any other key.
  const side = ({ key }) => (key === 'ArrowRight' ? 1 : key === 'ArrowLeft' ? -1 : 0) * (isRTL(inbox) ? -1 : 1);

  const tabKey = (e) => {
    const all = [...tabs.children];
    const i = all.indexOf(e.target);
    const to = { Home: 0, End: all.length - 1 }[e.key] ?? (side(e) ? i + side(e) : undefined);
    if (to === undefined || i < 0) return;
    e.preventDefault();
    all.at(to % all.length).click();
    tab().focus();
  };

  const key = (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented) return;
    const shown = [...rows.values()];
    const i = shown.findIndex((r) => r.element.contains(e.target));
    const row = shown[i];
    const name = e.key.toLowerCase();
    const to = { arrowdown: i + 1, j: i + 1, arrowup: i - 1, k: i - 1, home: 0, end: shown.length - 1 }[name];
    const run = { u: toggleRead, e: put, s: inbox.can('time') && later, delete: remove, backspace: remove }[name];
    if (name === '?') help();
    else if (name === 'z' && undo) undoes();
    else if (!row) return;
    else if (to !== undefined) shown[to]?.main.focus();
    else if (side(e)) {
      const stops = [row.main, ...row.element.querySelectorAll('button')].filter((b) => getComputedStyle(b).display !== 'none');
      stops[stops.indexOf(e.target) + side(e)]?.focus();
    } else if (run) run(row);
    else if (e.target === row.main && (name === ' ' || (name === 'enter' && !row.main.href))) row.main.click();
    else return;
    e.preventDefault();
  };

  shadowRoot.adoptedStyleSheets = [...shadowRoot.adoptedStyleSheets, styles];
  shadowRoot.replaceChildren(root);
  new IntersectionObserver((entries) => {
    near = entries.at(-1).isIntersecting;
    more();
  }, { rootMargin: '400px', scrollMargin: '400px' }).observe(end);
  return view;
}
