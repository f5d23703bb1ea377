// The look-up of the ops page: why a user's badge is what it is.
import { $, audience, facts, figure, fill, long, number, say, time } from './ops-draw.js';
import { ask } from './ops-api.js';

let asked; // {user, contents} of what is on the screen

const seqs = (list, most = 10) => {
  const names = list.slice(0, most).join(', ');
  return list.length > most ? `${names} and ${list.length - most} more` : names;
};

async function lookUp(user, contents) {
  asked = { user, contents };
  const mine = asked;
  say($('lookup-status'), 'Reading…');
  try {
    const found = await (await ask(`/users/${encodeURIComponent(user)}?contents=${contents ? 1 : 0}`)).json();
    if (mine !== asked) return;
    say($('lookup-status'), '');
    show(found);
  } catch (error) {
    $('found').hidden = true;
    say($('lookup-status'), error.message);
  }
}

function show(found) {
  $('found').hidden = false;
  $('journal').hidden = true;
  say($('journal-status'), '');
  say($('found-name'), found.version === 0 ? `${found.user}: nothing was ever written for this user` : found.user);
  const made = (name) => {
    const of = found.items.filter((item) => item.counts_in.includes(name)).map((item) => item.seq);
    return `${found.counts[name]}${of.length ? `: items ${seqs(of, 20)}` : ''}`;
  };
  const categories = Object.entries(found.counts.categories).map(([name, c]) => `${name} ${c.unread}`);
  facts($('found-facts'), [
    ['Unread', made('unread')], ['Unseen', made('unseen')], ['Urgent', made('urgent')],
    ['By category', categories.join(', ') || '–'],
    ['Version', `${number(found.version)} (cursor ${found.cursor}, base ${found.base}, horizon ${found.horizon})`],
    ['Remembers', `${found.removals} removals, ${found.sources} sources`],
    ['Open streams here', String(found.streams)],
    ['Next expiry or wake', time(found.next_expiry)],
    ['Muted', (found.mutes ?? []).map((mute) => `${mute.category} since ${time(mute.since)}`).join(', ') || 'nothing'],
    ['Contents', found.missing ? `${found.missing} items lack their content` : 'all there'],
  ]);
  fill($('items-table'), found.items.map((item) => ({
    key: item.seq,
    cells: [
      String(item.seq), figure(item.version), state(item), item.counts_in.join(', ') || 'nothing', audience(item.audience), item.category ?? '–', item.priority,
      item.earlier ? `${item.count}: with ${seqs(item.earlier, 5)}` : figure(item.count), item.content ? 'there' : 'missing', long([item.source, item.id].filter(Boolean).join(' / ') || '–'),
      long(found.contents ? item.title ?? '' : 'hidden'),
    ],
  })), 'No items.');
  $('found-name').focus();
}

function state(item) {
  if (item.state === 'hidden') return `${item.scheduled ? 'scheduled for' : 'snoozed until'} ${time(item.until)}`;
  return item.muted ? `${item.state}, muted` : item.state;
}

async function journal() {
  const mine = asked;
  say($('journal-status'), 'Reading the journal: this may take a while…');
  try {
    const query = new URLSearchParams({ since: $('since').value, contents: mine.contents ? '1' : '0' });
    const replay = await (await ask(`/users/${encodeURIComponent(mine.user)}/journal?${query}`)).json();
    if (mine !== asked) return;
    showJournal(replay);
  } catch (error) {
    $('journal').hidden = true;
    say($('journal-status'), error.message);
  }
}

function showJournal(replay) {
  $('journal').hidden = false;
  const { result } = replay;
  say($('journal-status'), `${number(replay.records)} records${replay.notices ? ` and ${number(replay.notices)} of the notice board` : ''} replayed${replay.omitted ? `, the first ${number(replay.omitted)} not shown` : ''}: ${result.agrees ? 'the row agrees with the journal' : 'the row does not agree with the journal'}.`);
  const verdict = [`The badge is ${result.row.unread} (${result.row.unseen} unseen, ${result.row.urgent} urgent) at version ${number(result.version)}.`];
  if (!replay.complete) verdict.push(`What made version ${number(replay.from)} is not retained: items of that time are in no count of the table.`);
  if (result.older_items.length) verdict.push(`Of the badge, ${result.replayed.unread} come from these records and ${result.older.unread} from items that are older: ${seqs(result.older_items)}.`);
  if (result.pending) verdict.push(`${result.pending} records are not in the row yet.`);
  for (const [text, list] of [['Missing in the row', result.missing], ['In the row alone', result.surplus], ['With other flags', result.different]]) {
    if (list.length) verdict.push(`${text}: ${seqs(list)}.`);
  }
  $('verdict').replaceChildren(...verdict.map((text) => Object.assign(document.createElement('li'), { textContent: text })));
  fill($('journal-table'), replay.steps.map((step) => ({
    key: step.offset,
    cells: [
      String(step.offset), time(step.time), figure(step.version), step.kind || '–', long(origin(step)),
      step.outcome + (step.why ? ` (${step.why})` : '') + (step.pending ? ', not in the row yet' : ''),
      long(changed(step)), figure(step.counts.unread), long(replay.steps.some((s) => s.title) ? step.title ?? '' : 'hidden'),
    ],
  })), 'No records of this time.');
}

function origin(step) {
  const parts = [];
  if (step.source || step.id) parts.push(`${step.source ?? ''} / ${step.id ?? ''}`);
  if (step.audience) parts.push(`to ${audience(step.audience)}`);
  if (step.rule) parts.push(`rule ${step.rule}`);
  if (step.origin) parts.push(`record ${step.origin.partition}@${step.origin.offset} of topic ${step.origin.topic_id.slice(0, 8)}`);
  return parts.join(', ') || '–';
}

function changed(step) {
  const parts = [];
  if (step.added) parts.push(`added ${step.added}`);
  const gone = Map.groupBy(step.gone ?? [], (one) => one.how);
  for (const [how, items] of gone) parts.push(`${how} ${seqs(items.map((one) => one.seq))}`);
  for (const name of ['read', 'unread', 'seen', 'archived', 'unarchived']) {
    if (step[name]) parts.push(`${name} ${seqs(step[name])}`);
  }
  for (const { seq, until } of step.hidden ?? []) parts.push(`hid ${seq} until ${time(until)}`);
  for (const name of ['shown', 'muted']) if (step[name]) parts.push(`${name} ${seqs(step[name])}`);
  if (step.back) parts.push(`brought ${step.back} back`);
  if (step.left) parts.push(`let go of ${seqs(step.left)}`);
  if (step.unknown) parts.push(`names ${seqs(step.unknown)}, which are older`);
  return parts.join('; ') || 'nothing';
}

$('lookup-form').addEventListener('submit', (event) => {
  event.preventDefault();
  lookUp($('user').value, $('titles').checked);
});
// A link that names a user asks why his badge is what it is.
const named = new URLSearchParams(location.search).get('user');
if (named) {
  $('user').value = named;
  lookUp(named, false).then(journal);
}
$('journal-form').addEventListener('submit', (event) => {
  event.preventDefault();
  journal();
});
