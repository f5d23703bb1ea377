// An inbox shows these beside its list when somebody asks for them: its keys, the menu of
// an item, the muted categories. They are loaded when they are needed first.
import { below, fill, h, set, sheet } from '#dom';
import { asideStyles } from './aside-styles.js';
import { offers, local } from './times.js';

const en = {
  until: 'Snooze until', hour: 'In an hour', evening: 'This evening', tomorrow: 'Tomorrow morning', week: 'Next week', own: 'Another time', set: 'Snooze',
  mute: 'Mute {name}', unmute: 'Unmute {name}', muted: 'Muted',
  done_mute: '{name} is muted', done_unmute: '{name} is no longer muted',
  kMove: 'Next, previous', kOpen: 'Open', kRead: 'Read, unread', kPut: 'Archive', kRemove: 'Delete', kUndo: 'Undo', kActions: 'To its buttons',
};

const styles = sheet(asideStyles);

// An element of the inbox that has that id.
function part(inbox, id, after, props) {
  const { shadowRoot } = inbox;
  if (!shadowRoot.adoptedStyleSheets.includes(styles)) shadowRoot.adoptedStyleSheets = [...shadowRoot.adoptedStyleSheets, styles];
  let e = shadowRoot.getElementById(id);
  if (!e) shadowRoot.getElementById(after).after(e = h('div', { id, part: id, ...props }));
  return e;
}

/** The words of an inbox, those of here too. */
const words = (inbox) => ({ ...en, ...inbox.t });

/** Shows the keys, or no longer. */
export function toggleHelp(inbox) {
  const t = words(inbox);
  const panel = part(inbox, 'help', 'news', { popover: 'auto', role: 'dialog', 'aria-labelledby': 'keys-title' });
  const keys = [['↓ ↑', t.kMove], ['→ ←', t.kActions], ['Enter', t.kOpen], ['U', t.kRead], ['E', t.kPut], ['S', t.later], ['Del', t.kRemove], ['Z', t.kUndo], ['?', t.keys]];
  panel.replaceChildren(h('h2', { id: 'keys-title' }, t.keys), h('dl', null, keys.flatMap(([names, what]) => [
    h('dt', null, names.split(' ').map((k) => h('kbd', null, k))), h('dd', null, what)])));
  panel.togglePopover();
}

/** Shows the muted categories, each with the way back; `shown` is false where they have no place. */
export function drawMutes(inbox, shown) {
  const t = words(inbox);
  const muted = inbox.client?.state.mutes ?? [];
  const line = part(inbox, 'mutes', 'filters', { role: 'group' });
  line.hidden = !muted.length || !shown;
  set(line, 'aria-label', t.muted);
  line.replaceChildren(h('span', { 'aria-hidden': 'true' }, t.muted), ...muted.map((category) => {
    const name = inbox.name(category);
    return h('button', { 'aria-label': fill(t.unmute, { name }), onclick: () => inbox.mute(category, false) },
      h('span', null, h('bdi', null, name), ' ×'));
  }));
}

/** Mutes a category, or has it heard again, and offers the way back: `tell` says so, `attempt` why it failed. */
export function mute(inbox, category, off, attempt, tell) {
  const run = (on) => attempt(inbox.client[on ? 'mute' : 'unmute']({ category }));
  run(off);
  tell(fill(words(inbox)[off ? 'done_mute' : 'done_unmute'], { name: inbox.name(category) }), () => run(!off));
}

/** Opens the menu of a row: until when its item is put off, for which `snooze` is called, and its category muted. */
export function openMenu(inbox, row, snooze) {
  const t = words(inbox);
  const { item } = row;
  const now = Date.now();
  const soon = new Intl.DateTimeFormat(inbox.locale, { weekday: 'short', month: 'numeric', day: 'numeric', hour: 'numeric', minute: '2-digit' });
  const menu = part(inbox, 'menu', 'news', { popover: 'auto', role: 'dialog', onkeydown: (e) => step(menu, e) });
  const pick = (run, ...kids) => h('button', { onclick: () => {
    menu.hidePopover();
    run();
  } }, ...kids);
  const tomorrow = offers(now).find(([word]) => word === 'tomorrow')[1];
  const own = h('input', { type: 'datetime-local', required: true, 'aria-label': t.own, min: local(now + 6e4), value: local(tomorrow) });
  set(menu, 'aria-label', t.until);
  menu.replaceChildren(
    h('h3', null, t.until),
    ...offers(now).map(([word, until]) => pick(() => snooze(item, until), t[word], h('small', null, soon.format(until)))),
    h('form', { onsubmit: (e) => {
      e.preventDefault();
      menu.hidePopover();
      snooze(item, new Date(own.value).getTime());
    } }, own, h('button', null, t.set)),
    ...(item.category ? [h('hr'), pick(() => inbox.mute(item.category, true), h('bdi', null, fill(t.mute, { name: inbox.name(item.category) })))] : []),
  );
  menu.showPopover();
  below(menu, (row.later.checkVisibility() ? row.later : row.main).getBoundingClientRect(), getComputedStyle(inbox).direction === 'rtl');
  menu.querySelector('button').focus();
}

function step(menu, e) {
  e.stopPropagation(); // the keys of the list are not meant
  const buttons = [...menu.querySelectorAll('button,input')];
  const i = buttons.indexOf(menu.getRootNode().activeElement);
  const to = { ArrowDown: i + 1, ArrowUp: i - 1, Home: 0, End: buttons.length - 1 }[e.key];
  if (to === undefined || e.target.localName === 'input') return;
  e.preventDefault();
  buttons.at(to % buttons.length).focus();
}
