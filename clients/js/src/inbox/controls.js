// The controls of an inbox's list: the buttons of its head and rows, keys, undo, what
// was seen, the pages below. It is loaded when the list is there.
import { h, icon, isRTL, say, set, sheet } from '#dom';
import { controlStyles } from './control-styles.js';
import { makeLooks } from './looks.js';
import { picture } from './picture.js';

const told = 5000; // ms that a word on the screen stays, and may be undone

const en = {
  all: 'All', unreadOnly: 'Unread only', important: 'Important first', archive: 'Archived', filters: 'Filters', scheduled: 'Scheduled',
  markAll: 'Mark all as read', keys: 'Keyboard shortcuts', settings: 'Settings', more: 'Actions',
  read: 'Mark as read', again: 'Mark as unread', put: 'Archive', back: 'Move to inbox', remove: 'Delete', undo: 'Undo',
  later: 'Snooze', now: 'Show now', done_later: 'Snoozed until {when}',
  done_put: 'Archived', done_back: 'Moved to inbox', done_remove: 'Deleted', done_removes: '{n} deleted', failed: 'That did not work: {why}',
  one: 'New: {title}', older: 'Show older', noUnread: 'Nothing unread', noArchive: 'Nothing archived', noScheduled: 'Nothing scheduled', showAll: 'Show all', end: 'That’s all',
};

const styles = sheet(controlStyles);

/**
 * Makes the controls of a view, of which `now` returns what it shows: `{status, category,
 * order, at, rows, list}`, where `at` is the seq that Tab comes to.
 */
export function makeControls({ inbox, view, root, title, tabs, filters, end, languages, attempt, stays, cut, safe, now }) {
  const { shadowRoot } = inbox;
  const paths = {
    check: 'M20 6 9 17l-5-5',
    put: 'M3 4h18v4H3zM5 8v12h14V8M10 12h4',
    later: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5l3.500 2',
    all: 'm1 13 4 4L15 7m-4 9 1 1L22 7',
    dot: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8z',
    back: 'M3 4h18v4H3zM5 8v12h14V8M12 18v-6m-3 3 3-3 3 3',
    remove: 'M4 7h16M10 4h4M6 7l1 13h10l1-13M10 11v5M14 11v5',
    more: 'M5 12h.01M12 12h.01M19 12h.01',
    keys: 'M3 6h18v12H3zM7 10h.01M11 10h.01M15 10h.01M7 14h10',
    settings: 'M4 7h9m4 0h3M4 17h3m4 0h9M15 5v4M9 15v4',
  };
  let t; // the words
  let full; // how an instant is written
  let shown; // the list that was drawn last
  let newest; // the highest seq of it that was on the screen
  let undo;
  let held = []; // what undo takes back: deletes that follow each other are one
  let muted; // the client whose muted categories were asked for
  let panel; // the settings
  let telling;
  let near; // whether the end of the list is near the screen

  const button = (props, ...kids) => h('button', { part: 'button', ...props }, ...kids);
  const all = button({ class: 'i', onclick: () => all.ariaDisabled === 'true' || attempt(inbox.client.markAll('read', { category: now().category })) }, icon(paths.all));
  const keys = button({ class: 'i', 'aria-haspopup': 'dialog', onclick: () => help() }, icon(paths.keys));
  const settings = button({ class: 'i', hidden: true, onclick: () => configure() }, icon(paths.settings));
  const unreadOnly = button({ onclick: () => view.show({ status: now().status === 'unread' ? 'all' : 'unread' }) }, h('span'));
  const important = button({ onclick: () => set(inbox, 'order', now().order ? null : 'importance') }, h('span'));
  const word = h('span');
  const back = button({ class: 't', onclick: () => undoes() });
  const toast = h('div', { id: 'toast', part: 'toast', hidden: true }, word, back);
  const news = h('p', { id: 'news', class: 'v', role: 'status' });

  const controls = {
    start() {
      t = inbox.t = { ...en, ...inbox.t };
      full = new Intl.DateTimeFormat(inbox.locale, { dateStyle: 'full', timeStyle: 'short' });
      for (const [b, name] of [[all, 'markAll'], [keys, 'keys'], [settings, 'settings']]) {
        set(b, 'aria-label', t[name]);
        b.title = t[name];
      }
      set(filters, 'aria-label', t.filters);
      say(unreadOnly.firstChild, t.unreadOnly);
      say(important.firstChild, t.important);
      say(back, t.undo);
      addEventListener('pagehide', looks.send);
      for (const row of now().rows.values()) controls.fill(row);
    },

    stop() {
      panel?.close();
      untell();
      removeEventListener('pagehide', looks.send);
    },

    changed() {
      settings.hidden = !inbox.can('reach');
      drawTabs();
      if (muted !== inbox.client) controls.look();
      if (inbox.client.state.mutes?.length || shadowRoot.getElementById('mutes')) import('./asides.js').then(({ drawMutes }) => drawMutes(inbox, now().status !== 'unread'), () => {});
    },

    /** The muted categories may be others. */
    look() {
      if (!inbox.can('time')) return;
      muted = inbox.client;
      muted.mutes().catch(() => {});
    },

    draw() {
      const { list } = now();
      const { loading, done, error } = list;
      const any = list.items.length > 0;
      if (any && !done && !loading && error) {
        if (!end.firstElementChild) end.replaceChildren(h('button', { class: 't', onclick: () => list.more() }, t.older));
      } else say(end, !any ? '' : done ? t.end : loading ? t.loading : '');
      announce();
      more(); // a page that does not fill the screen moves nothing
    },

    /** The page is hidden, or shown again, or time has passed. */
    awake: () => (document.hidden ? looks.send() : looks.again()),

    /** Shows the buttons of a row as its item is. */
    fill(row) {
      const { archived, until, time = until, read, pending, title = '' } = row.item;
      if (!row.read) furnish(row);
      picture(row, safe);
      if (time) row.time.title = full.format(Date.parse(until ?? time));
      // A scheduled item can only be shown, or go.
      row.read.hidden = row.put.hidden = !!until;
      row.later.hidden = !inbox.can('time');
      set(row.later, 'aria-haspopup', until ? null : 'dialog');
      for (const [b, name, path] of [
        [row.read, read ? 'again' : 'read', read ? 'dot' : 'check'],
        [row.put, archived ? 'back' : 'put'],
        [row.later, until ? 'now' : 'later', until ? 'back' : 'later'],
        [row.remove, 'remove'],
        [row.more, 'more'],
      ]) {
        b.title = t[name];
        set(b, 'aria-label', `${t[name]}: ${pending ? t.pending : title}`);
        b.replaceChildren(icon(paths[path ?? name]));
      }
      set(row.more, 'aria-expanded', `${row.element.classList.contains('open')}`);
    },

    forget: (row) => looks.remove(row),

    /** What stands in place of an empty list of that status. */
    nothing: (status) => [
      ...{ unread: [paths.check, t.noUnread], scheduled: [paths.later, t.noScheduled], archived: [paths.put, t.noArchive] }[status],
      h('button', { class: 't', onclick: () => view.show({ status: 'all' }) }, t.showAll),
    ],

    /** Takes a key, and what it was pressed on. */
    key(e, target) {
      if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented) return;
      if (tabs.contains(target) && tabKey(e, target)) return;
      const rows = [...now().rows.values()];
      const i = rows.findIndex((r) => r.element.contains(target));
      const row = rows[i];
      const name = e.key.toLowerCase();
      const to = { arrowdown: i + 1, j: i + 1, arrowup: i - 1, k: i - 1, home: 0, end: rows.length - 1 }[name];
      const run = { u: toggleRead, e: put, s: inbox.can('time') && later, delete: remove, backspace: remove }[name];
      if (name === '?') help();
      else if (name === 'z' && undo) undoes();
      else if (!row) return;
      else if (to !== undefined) rows[to]?.main.focus();
      else if (side(e)) {
        const stops = [row.main, ...row.element.querySelectorAll('button')].filter((b) => getComputedStyle(b).display !== 'none');
        stops[stops.indexOf(target) + side(e)]?.focus();
      } else if (run) run(row);
      else if (target === row.main && (name === ' ' || (name === 'enter' && !row.main.href))) row.main.click();
      else return;
      e.preventDefault();
    },

    /** Mutes a category, or has it heard again. */
    mute: (name, off) => aside(({ mute }) => mute(inbox, name, off, attempt, tell)),

    failed: (error) => tell(inbox.say('failed', { why: error.message })),
  };

  // Unread of a category, or of all.
  const unread = (name) => {
    const { counts } = inbox.client.state;
    return (name === undefined ? counts : counts?.categories?.[name])?.unread ?? 0;
  };

  const drawTabs = () => {
    const { status, category, order } = now();
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
        onclick: () => view.show({ status: to ?? (now().status === 'unread' ? 'unread' : 'all'), category: of ?? null }) },
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
    set(unreadOnly, 'aria-pressed', `${status === 'unread'}`);
    set(important, 'aria-pressed', `${!!order}`);
    set(all, 'aria-disabled', `${!!apart || !unread(category)}`);
  };

  const furnish = (row) => {
    const act = (name, run) => (row[name] = h('button', { class: 'i', part: 'action', tabindex: -1, onclick: () => run(row) }));
    row.element.append(
      (row.more = h('button', { class: 'i mo', tabindex: -1, onclick: () => set(row.more, 'aria-expanded', `${row.element.classList.toggle('open')}`) })),
      h('div', { class: 'ac', part: 'actions' }, act('read', toggleRead), act('put', put), act('later', later), act('remove', remove)),
    );
    looks.add(row);
  };

  // Pinned items may stand on any page.
  const more = () => {
    const { list } = now();
    if (list && (near || inbox.hasAttribute('pin')) && list.items.length && !list.loading && !list.done && !list.error) list.more();
  };

  // Several that come at once are one announcement; what was there at first, or
  // comes in read, is none.
  const announce = () => {
    const { list, status } = now();
    if (list !== shown) newest = undefined;
    shown = list;
    if (newest !== undefined && status !== 'archived' && status !== 'scheduled') {
      const fresh = list.items.filter((i) => i.seq > newest && !i.read && !i.pending);
      if (fresh.length) say(news, fresh.length > 1 ? inbox.say('many', { n: fresh.length }) : inbox.say('one', { title: fresh[0].title }));
    }
    if (!list.loading || list.items.length) newest = Math.max(newest ?? 0, ...list.items.map((i) => i.seq));
  };

  // All that is unseen goes as one horizon, the version on the screen; else by name.
  const looks = makeLooks((seen) => {
    if (!inbox.client) return;
    const { counts } = inbox.client.state;
    const every = counts && seen.length > 1 && counts.unseen === seen.length;
    // The next look says it again.
    inbox.client.seen(every ? { up_to: counts.version } : { seqs: seen.map((row) => row.item.seq) }).catch(() => {});
  });

  // ---- what is done with items

  const act = (name, { seq }) => attempt(inbox.client[name]({ seqs: [seq] }));

  // Few ask for it: it is no part of what a page loads.
  const aside = (run) => attempt(import('./asides.js').then(run));

  const help = () => aside(({ toggleHelp }) => toggleHelp(inbox));

  const configure = () => attempt(import('./settings.js').then(({ Settings }) => {
    panel = new Settings({ inbox, root, from: settings, attempt, languages: Object.keys(languages) });
  }));

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
    tell(inbox.say('done_later', { when: full.format(until) }), takeBack);
    attempt(done);
  };

  const undoes = () => {
    const run = undo;
    const { rows, at } = now();
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

  // 1 for the arrow that goes on, -1 for the one that goes back, 0 for any other key.
  const side = ({ key }) => (key === 'ArrowRight' ? 1 : key === 'ArrowLeft' ? -1 : 0) * (isRTL(inbox) ? -1 : 1);

  // Takes a key on a tab, and reports whether it was one of the tabs'.
  const tabKey = (e, target) => {
    const every = [...tabs.children];
    const i = every.indexOf(target);
    const to = { Home: 0, End: every.length - 1 }[e.key] ?? (side(e) ? i + side(e) : undefined);
    if (to === undefined || i < 0) return false;
    e.preventDefault();
    every.at(to % every.length).click();
    tabs.querySelector('[tabindex="0"]').focus();
    return true;
  };

  shadowRoot.adoptedStyleSheets = [...shadowRoot.adoptedStyleSheets, styles];
  set(tabs, 'role', 'tablist');
  title.after(all, keys, settings);
  filters.append(unreadOnly, important);
  root.append(toast, news);
  new IntersectionObserver((entries) => {
    near = entries.at(-1).isIntersecting;
    more();
  }, { rootMargin: '400px', scrollMargin: '400px' }).observe(end);
  return controls;
}
