// What is opened over an inbox: the menu of an item and the help on keys. They are
// loaded when somebody points at an inbox or moves the focus into it.
import { sheet } from './dom.js';
import { Help } from './help.js';
import { Menu } from './menu.js';

const en = {
  until: 'Snooze until', hour: 'In an hour', evening: 'This evening', tomorrow: 'Tomorrow morning', week: 'Next week', own: 'Another time', set: 'Snooze',
  mute: 'Mute {name}', done_later: 'Snoozed until {when}',
  kMove: 'Next, previous', kOpen: 'Open', kRead: 'Read, unread', kPut: 'Archive', kRemove: 'Delete', kUndo: 'Undo', kActions: 'To its buttons',
};

const styles = sheet(`
#menu{position:fixed;inset:auto;margin:0;min-width:15rem;padding:.35rem;border:1px solid var(--l);border-radius:.75rem;background:var(--b);color:var(--c);box-shadow:0 12px 40px #0003}
#menu h3{position:static;padding:.4rem .65rem}
#menu button,#menu form{display:flex;align-items:center;gap:1rem;width:100%;min-height:2.75rem;padding:0 .65rem;text-align:start}
#menu :is(button:hover,button:focus-visible){background:var(--h);outline-offset:-2px}
#menu small{margin-inline-start:auto;font-size:.8125rem;color:var(--q)}
#menu form{gap:.5rem}
#menu input{flex:1;min-width:0;min-height:2.75rem;font:inherit;font-size:.8125rem;color:inherit;background:none;border:1px solid var(--l);border-radius:.5rem;padding:0 .5rem}
#menu form button{width:auto;color:var(--a);font-weight:600}
hr{border:0;border-block-start:1px solid var(--l);margin:.35rem 0}
#help{inset:0;margin:auto;width:min(20rem,90vw);border:1px solid var(--l);border-radius:.9rem;padding:1rem 1.25rem;background:var(--b);color:var(--c);box-shadow:0 12px 40px #0003}
#help h2{margin-block-end:.5rem}
dl{display:grid;grid-template-columns:auto 1fr;gap:.4rem 1rem;margin:0}
dt{display:flex;gap:.25rem}dd{margin:0;color:var(--q)}
kbd{font:600 .75rem/1.5 ui-monospace,monospace;border:1px solid var(--l);border-block-end-width:2px;border-radius:.3rem;padding:0 .35rem;min-width:1.6rem;text-align:center}
`);

/** Makes the panels of an inbox in its root; `on` has what is done there. */
export function panels(inbox, root, on) {
  const { shadowRoot } = inbox;
  shadowRoot.adoptedStyleSheets = [...shadowRoot.adoptedStyleSheets, styles];
  const words = () => ({ ...en, ...inbox.t });
  const menu = new Menu(inbox, words, on);
  const help = new Help(words);
  root.append(menu.element, help.element);
  return { menu, help };
}
