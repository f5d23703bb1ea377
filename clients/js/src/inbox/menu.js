// The menu of an item: until when it is put off, and its category muted.
import { below, h, set } from '../dom.js';

const morning = 9;
const evening = 18; // o'clock, both

// At that hour, days after today, in the user's own time zone.
function at(hour, days, now) {
  const t = new Date(now);
  t.setDate(t.getDate() + days);
  return t.setHours(hour, 0, 0, 0);
}

/** The times that the menu offers: [word, ms] in order of time. */
export function offers(now) {
  // The next Monday that is not tomorrow.
  const monday = ((7 - new Date(now).getDay()) % 7) + 1;
  return [
    ['hour', now + 36e5],
    ['evening', at(evening, 0, now)],
    ['tomorrow', at(morning, 1, now)],
    ['week', at(morning, monday > 1 ? monday : 8, now)],
  ].filter(([word, t]) => word !== 'evening' || t > now + 36e5);
}

export class Menu {
  element;

  #inbox;
  #snooze;

  /** snooze puts an item off until a time. */
  constructor(inbox, snooze) {
    this.#inbox = inbox;
    this.#snooze = snooze;
    this.element = h('div', { id: 'menu', popover: 'auto', part: 'menu', role: 'dialog', onkeydown: (e) => this.#key(e) });
  }

  /** Opens below an item's button. */
  open(row, rtl) {
    const { t, speech } = this.#inbox;
    const { item } = row;
    const now = Date.now();
    const pick = (run, ...kids) => h('button', { type: 'button', onclick: () => {
      this.element.hidePopover();
      run();
    } }, ...kids);
    const own = h('input', { type: 'datetime-local', required: true, 'aria-label': t.own, min: local(now + 6e4), value: local(at(morning, 1, now)) });
    set(this.element, 'aria-label', t.until);
    this.element.replaceChildren(
      h('h3', null, t.until),
      ...offers(now).map(([word, until]) => pick(() => this.#snooze(item, until), t[word], h('small', null, speech.soon(until)))),
      h('form', { onsubmit: (e) => {
        e.preventDefault();
        this.element.hidePopover();
        this.#snooze(item, new Date(own.value).getTime());
      } }, own, h('button', null, t.set)),
      ...(item.category ? [h('hr'), pick(() => this.#inbox.mute(item.category, true), h('bdi', null, this.#inbox.say('mute', { name: this.#inbox.name(item.category) })))] : []),
    );
    this.element.showPopover();
    below(this.element, (row.later.checkVisibility() ? row.later : row.main).getBoundingClientRect(), rtl);
    this.element.querySelector('button').focus();
  }

  #key(e) {
    e.stopPropagation(); // the keys of the list are not meant
    const buttons = [...this.element.querySelectorAll('button,input')];
    const i = buttons.indexOf(this.element.getRootNode().activeElement);
    const to = { ArrowDown: i + 1, ArrowUp: i - 1, Home: 0, End: buttons.length - 1 }[e.key];
    if (to === undefined || e.target.localName === 'input') return;
    e.preventDefault();
    buttons.at(to % buttons.length).focus();
  }
}

// As an input of type datetime-local has it.
function local(t) {
  const d = new Date(t);
  return new Date(t - d.getTimezoneOffset() * 6e4).toISOString().slice(0, 16);
}
