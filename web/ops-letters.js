// The dead letters of the ops page: list, look inside, replay.
import { $, facts, fill, long, make, number, say, time } from './ops-draw.js';
import { ask } from './ops-api.js';

let shown = []; // the letters on the screen, newest first
let next; // cursor of the page after them
let looked; // the letter that is looked into

const name = (id) => `${id.partition}/${id.offset}`;
const path = (id) => `/dead-letters/${id.partition}/${id.offset}`;

async function list(more) {
  const query = new URLSearchParams({ limit: '20' });
  if ($('reason').value) query.set('reason', $('reason').value);
  if (more) query.set('before', next);
  say($('letters-status'), 'Reading…');
  try {
    const page = await (await ask(`/dead-letters?${query}`)).json();
    shown = more ? [...shown, ...page.letters] : page.letters;
    next = page.next;
    say($('letters-status'), shown.length === 1 ? '1 letter' : `${number(shown.length)} letters${next ? ', there are older ones' : ''}`);
    show();
  } catch (error) {
    say($('letters-status'), error.message);
  }
}

function show() {
  $('letters-list').hidden = false;
  $('letters-more').hidden = !next;
  fill($('letters-table'), shown.map((letter) => ({
    key: name(letter.id),
    cells: [
      name(letter.id), time(letter.dead_at), letter.reason + (letter.rule ? ` (${letter.rule})` : ''), letter.group,
      long(`${letter.topic}/${letter.from.partition}@${letter.from.offset}`), stateOf(letter), actions(letter),
    ],
  })), 'No dead letters.');
}

function stateOf(letter) {
  if (letter.outcome) return letter.outcome;
  if (letter.replayed) return 'replayed';
  return letter.cut ? 'pending, cut: cannot be replayed' : 'pending';
}

function actions(letter) {
  return (cell) => {
    if (!cell.firstChild) {
      cell.append(action('look', 'Look inside'), ' ', action('replay', 'Replay'));
    }
    const [look, replay] = cell.querySelectorAll('button');
    look.act = () => lookInto(letter);
    replay.act = () => confirm(letter);
    look.setAttribute('aria-label', `Look inside: ${name(letter.id)}`);
    replay.setAttribute('aria-label', `Replay: ${name(letter.id)}`);
    const over = letter.cut || letter.replayed;
    if (over && document.activeElement === replay) look.focus(); // what is disabled loses it
    replay.disabled = over;
  };
}

function action(className, label) {
  const button = make('button', className, label);
  button.type = 'button';
  button.addEventListener('click', () => button.act());
  return button;
}

async function lookInto(letter) {
  looked = letter;
  try {
    letter = await (await ask(path(letter.id))).json();
  } catch (error) {
    say($('letters-status'), error.message);
    return;
  }
  $('letter').hidden = false;
  $('letter-value').hidden = true;
  $('letter-contents').hidden = false;
  say($('letter-name'), `Dead letter ${name(letter.id)}`);
  const entries = [
    ['Reason', letter.reason], ['Group', letter.group],
    ['Read from', `${letter.topic}, partition ${letter.from.partition}, offset ${letter.from.offset}`],
    ['Written', time(letter.at)], ['Set aside', time(letter.dead_at)],
    ['Attempt', String(letter.attempt)], ['Size', `${number(letter.size ?? 0)} bytes${letter.cut ? ', cut' : ''}`],
  ];
  if (letter.rule) entries.splice(1, 0, ['Rule', letter.rule + (letter.field ? `, field ${letter.field}` : '')]);
  facts($('letter-facts'), entries);
  $('letter-name').focus();
}

async function contents() {
  const letter = looked;
  try {
    const { contents: held } = await (await ask(`${path(letter.id)}?contents=1`)).json();
    if (letter !== looked) return;
    const lines = [`error: ${held.error}`, `key: ${held.key ?? 'null'}`];
    for (const header of held.headers) lines.push(`header ${header.name}: ${header.value}`);
    lines.push('', held.value ?? 'null');
    if (held.stack) lines.push('', held.stack);
    $('letter-value').textContent = lines.join('\n');
    $('letter-value').hidden = false;
    $('letter-contents').hidden = true;
    $('letter-value').focus();
  } catch (error) {
    say($('letters-status'), error.message);
  }
}

let doubtful; // the letter that the dialog is about

function confirm(letter) {
  doubtful = letter;
  say($('confirm-text'), `Replay dead letter ${name(letter.id)} (${letter.reason}, from ${letter.topic})? What it leads to reaches its recipients as if it were new; who has it already gets it once.`);
  // It gives the focus back by itself.
  $('confirm').showModal();
}

async function replay(letter) {
  say($('letters-status'), `Replaying ${name(letter.id)}…`);
  try {
    const { outcomes } = await (await ask('/dead-letters/replay', { body: { letters: [letter.id] } })).json();
    const [outcome] = outcomes;
    letter.outcome = outcome.result + (outcome.problem ? `: ${outcome.problem}` : '');
    letter.replayed ||= outcome.result === 'replayed' || outcome.result === 'nobody' || outcome.result === 'already-replayed';
    say($('letters-status'), `${name(letter.id)}: ${letter.outcome}`);
    show();
  } catch (error) {
    say($('letters-status'), error.message);
  }
}

$('letters-form').addEventListener('submit', (event) => {
  event.preventDefault();
  list(false);
});
$('letters-more').addEventListener('click', () => list(true));
$('confirm').querySelector('form').addEventListener('submit', (event) => {
  if (event.submitter.value === 'yes') replay(doubtful);
});
$('letter-contents').addEventListener('click', contents);
$('letter-close').addEventListener('click', () => {
  $('letter').hidden = true;
  const row = [...$('letters-table').tBodies[0].rows].find((one) => looked && one.dataset.key === name(looked.id));
  row?.querySelector('.look')?.focus();
  looked = undefined;
});
