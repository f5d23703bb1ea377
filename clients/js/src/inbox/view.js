// The view of a <belfry-inbox>: the list of one user's notifications. It is loaded when an
// inbox is there, or a bell has shown its number; what is done with the list comes after
// it, in controls.js.
import { h, icon, say, set, sheet } from '#dom';
import { idle } from '../clock.js';
import { fillRow, makeRow, pinned, safe, strong } from './row.js';
import { speech, when } from './speech.js';
import { viewStyles } from './styles.js';
import { en } from './text.js';

/** Loads what a list is acted on with. One that cannot be had is asked for again by the next call. */
export const more = () => import('./controls.js');

const styles = sheet(viewStyles);
const checkPath = 'M20 6 9 17l-5-5';
const lostPath = 'M3 3l18 18M5 12a10 10 0 0 1 4-2.5M19 12a10 10 0 0 0-7-3M9 16a4 4 0 0 1 6 0M12 20h.01';

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
  let controls;
  let coming; // the promise of controls that are on their way
  let asked; // whether they were asked for
  let lacks; // whether they could not be had
  let clock;

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
      controls?.start();
      document.addEventListener('visibilitychange', awake);
      clock = setInterval(awake, 2e4);
      view.open();
    },

    /** Somebody looks again, perhaps after a while at another device, which may have muted something. */
    look() {
      controls?.look();
    },

    stop() {
      controls?.stop();
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
      draw();
      controls?.changed();
    },

    /** Mutes a category, or has it heard again. */
    mute: (name, off) => act((to) => to.mute(name, off)),
  };

  // ---- what there is

  const title = h('h2', { id: 'title', part: 'title' });
  const tabs = h('div', { id: 'tabs', part: 'tabs' });
  const filters = h('div', { id: 'filters', role: 'group', part: 'filters' });
  const problem = h('p', { role: 'alert' });
  const again = h('button', { part: 'button', class: 't', onclick: () => retry() });
  const banner = h('div', { id: 'banner', part: 'banner', hidden: true }, problem, again);
  const items = h('div', { onfocusin: (e) => focused(e) });
  const none = h('div', { hidden: true, part: 'empty' });
  const end = h('div', { id: 'end' });
  const scroll = h('div', { id: 'scroll', part: 'scroll', role: 'tabpanel', 'aria-labelledby': 'title' }, items, none, end);
  // A key that is pressed before there are controls is theirs when they are there.
  const root = h('div', { id: 'root', part: 'inbox', onkeydown: (e) => {
    const { target } = e;
    act((to) => to.key(e, target));
  } },
    h('div', { id: 'top', part: 'header' }, title, h('slot', { name: 'header' })),
    tabs, filters, banner, scroll);

  const load = async () => {
    try {
      controls = (await more()).makeControls({
        inbox, view, root, title, tabs, filters, end, languages, attempt, stays, cut, safe, now: () => ({ status, category, order: order(), at, rows, list }),
      });
      lacks = false;
      if (list) controls.start();
    } catch {
      lacks = true;
    }
    coming = undefined;
    view.changed();
  };

  // Runs with the controls: at once if they are there, else when they have come.
  const act = async (run) => {
    if (!controls) await (coming ??= load());
    if (list && controls) run?.(controls);
  };

  const attempt = (promise) => promise.catch((error) => act((to) => to.failed(error)));

  const order = () => (inbox.getAttribute('order') === 'importance' ? 'importance' : undefined);

  const retry = () => {
    if (inbox.client.state.status === 'signed-out') inbox.emit('belfry-signin');
    else {
      if (lacks) act();
      inbox.client.reconnect?.();
      list.refresh();
    }
  };

  // A hidden page sees nothing, and its clock stands still.
  const awake = (event) => {
    controls?.awake();
    if (document.hidden) return;
    if (event) view.look();
    draw();
  };

  const clear = () => {
    for (const row of rows.values()) forget(row);
    rows.clear();
    days.clear();
    items.replaceChildren();
  };

  const forget = (row) => {
    controls?.forget(row);
    row.element.remove();
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
    drawRows();
    filters.hidden = status === 'archived' || status === 'scheduled';
    banner.hidden = !(offline || failed || out || lacks) || (empty && !out);
    say(problem, banner.hidden ? '' : out ? t.signedOut : offline ? t.offline : t.lost);
    say(again, out ? t.signIn : t.retry);
    set(scroll, 'aria-busy', loading && !any ? 'true' : null);
    instead(any ? '' : !empty ? 'loading' : out ? '' : failed ? 'lost' : status === 'all' || controls ? status : 'loading');
    controls?.draw();
    // They come after the list.
    if (!loading && !asked) {
      asked = true;
      idle(() => act());
    }
  };

  const nothing = (path, text, below) => h('div', { class: 'st' }, icon(path), h('b', null, text), below);

  /** The text in place of a list: nothing there, not there yet, not to be had. */
  const instead = (state) => {
    if (none.dataset.state === state) return;
    none.dataset.state = state;
    none.hidden = !state;
    none.replaceChildren();
    if (state === 'loading') none.append(h('div', { class: 'sk', role: 'img', 'aria-label': t.loading }, ...[1, 2, 3, 4, 5].map(() => h('i'))));
    else if (state) {
      none.append(...{
        lost: () => [nothing(lostPath, t.lost, h('button', { class: 't', onclick: retry }, t.retry))],
        all: () => [nothing(checkPath, t.caughtUp, h('p', null, t.comes)), h('slot', { name: 'empty' })],
      }[state]?.() ?? [nothing(...controls.nothing(state))]);
    }
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
      row ??= makeRow(seq, follow);
      if (row.item !== item) {
        fillRow(row, item, inbox);
        controls?.fill(row);
      }
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
      (focus.isConnected ? focus : rows.get(at ?? seqs[0])?.main ?? tabs.querySelector('[tabindex="0"]'))?.focus();
    }
  };

  const seqOf = (e) => +(e?.closest('li')?.dataset.seq ?? NaN);

  // The row of that seq is the one that Tab comes to.
  const stop = (seq) => {
    for (const [of, row] of rows) row.main.tabIndex = of === seq ? 0 : -1;
  };

  const follow = ({ item }, e) => {
    if (!item.read) attempt(inbox.client.read({ seqs: [item.seq] }));
    if (!inbox.emit('belfry-open', { item, event: e })) e.preventDefault();
  };

  const focused = (e) => {
    const seq = seqOf(e.target);
    if (rows.has(seq)) stop((at = seq));
  };

  shadowRoot.adoptedStyleSheets = [...shadowRoot.adoptedStyleSheets, styles];
  shadowRoot.replaceChildren(root);
  return view;
}
