// The topics of the ops page: what Kafka says of each, and its newest records.
import { $, facts, figure, fill, long, make, number, press, say, span, time } from './ops-draw.js';
import { ask } from './ops-api.js';

let topics = []; // on the screen
let opened; // the name of the one that is looked into

const units = [[2 ** 40, 'TiB'], [2 ** 30, 'GiB'], [2 ** 20, 'MiB'], [2 ** 10, 'KiB']];

function size(bytes) {
  if (bytes === undefined) return '–';
  const [unit, name] = units.find(([least]) => bytes >= least) ?? [1, 'bytes'];
  return `${number(bytes / unit)} ${name}`;
}

const forever = (policy) => (policy.includes('delete') ? `${policy}, kept for ever` : policy);

function policy(topic) {
  if (!topic.policy) return '–';
  return topic.retention_ms === undefined ? forever(topic.policy) : `${topic.policy} after ${span(topic.retention_ms / 1000)}`;
}

async function read() {
  say($('topics-status'), 'Asking Kafka…');
  try {
    ({ topics } = await (await ask('/topics')).json());
    const missing = topics.filter((topic) => !topic.exists).map((topic) => topic.name);
    say($('topics-status'), `${number(topics.length)} topics as of ${time(new Date())}.${missing.length ? ` Missing: ${missing.join(', ')}.` : ''}`);
  } catch (error) {
    // The screen shows the list of before, and says when that was.
    say($('topics-status'), `${error.message}${topics.length ? ' The table is that of before.' : ''}`);
    return;
  }
  $('topics-list').hidden = false;
  fill($('topics-table'), topics.map((topic) => ({
    key: topic.name,
    cells: [
      press(topic.name, `${topic.name}: show partitions and records`, () => open(topic.name)),
      topic.exists ? topic.kind : `${topic.kind}, does not exist`,
      figure(topic.partitions.length),
      { text: topic.degraded ? `${topic.replication}, ${topic.degraded} partitions not in sync` : String(topic.replication), className: topic.degraded ? 'bad' : 'number' },
      policy(topic), { text: size(topic.bytes), className: 'number' }, figure(topic.records),
      long(topic.readers.map((r) => (r.kind === 'group' ? `${r.name} (lag ${number(r.lag)})` : r.name)).join(', ') || 'nobody'),
      long(topic.writers.join(', ') || '–'),
    ],
  })));
  if (opened) showEnds();
}

function open(name) {
  opened = name;
  $('records').hidden = true;
  say($('records-status'), '');
  showEnds();
  $('topic-name').focus();
}

function showEnds() {
  const topic = topics.find((one) => one.name === opened);
  $('topic').hidden = !topic;
  if (!topic) return;
  say($('topic-name'), topic.name);
  fill($('ends-table'), topic.partitions.map((p) => ({
    key: p.partition,
    cells: [
      String(p.partition), p.leader < 0 ? 'none' : String(p.leader), `${p.in_sync} of ${p.replicas}`, figure(p.start), figure(p.end),
      p.stable < p.end ? `${number(p.end - p.stable)} records` : '–', size(p.bytes),
    ],
  })), 'The topic does not exist.');
}

async function records() {
  const name = opened;
  say($('records-status'), 'Reading…');
  try {
    const found = await (await ask(`/topics/${encodeURIComponent(name)}/records?limit=20`)).json();
    if (name !== opened) return;
    say($('records-status'), found.records.length ? `The newest ${number(found.records.length)}, committed ones alone.` : 'No records.');
    $('records').hidden = found.records.length === 0;
    $('records').replaceChildren(...found.records.map(shown));
  } catch (error) {
    if (name === opened) say($('records-status'), error.message);
  }
}

// A record: its place, what the rules make of it, and what it holds.
function shown(record) {
  const item = make('li');
  const list = make('dl', 'facts');
  const entries = [['Key', record.key ?? 'null']];
  if (record.note) entries.push(['Note', record.note]);
  if (record.error) entries.push(['Dead letter', record.error]);
  for (const event of record.decoded) {
    const names = [event.type, event.source, event.id].filter(Boolean).join(' / ');
    entries.push(['Event', [names, event.value === undefined ? '' : JSON.stringify(event.value)].filter(Boolean).join(': ')]);
    for (const rule of event.rules) entries.push([rule.rule ? `Rule ${rule.rule}` : 'Built-in', outcome(rule)]);
  }
  facts(list, entries);
  item.append(make('h4', '', `Partition ${record.partition}, offset ${record.offset}, ${time(record.at)}, ${number(record.size)} bytes`), list);
  if (record.value !== null || record.headers.length) {
    const raw = make('details');
    const lines = record.headers.map((header) => `header ${header.name}: ${header.value}`);
    const text = make('pre', '', [...lines, '', record.value ?? 'null'].join('\n').trim() + (record.cut ? '\n(cut)' : ''));
    text.tabIndex = 0;
    text.setAttribute('aria-label', `Record at ${record.partition}/${record.offset} as it lies in the topic`);
    raw.append(make('summary', '', 'As it lies in the topic'), text);
    item.append(raw);
  }
  return item;
}

function outcome(rule) {
  if (rule.recipient_count === 0) return rule.error ? `error: ${rule.error}` : `nothing: ${rule.why || 'for nobody'}`;
  const more = rule.recipient_count - rule.recipients.length;
  const people = rule.recipients.join(', ') + (more > 0 ? ` and ${number(more)} more` : '');
  return `for ${people}: ${JSON.stringify(rule.makes)}${rule.error ? `; refused: ${rule.error}` : ''}`;
}

$('topics-read').addEventListener('click', read);
$('records-read').addEventListener('click', records);
$('topic-close').addEventListener('click', () => {
  const name = opened;
  opened = undefined;
  $('topic').hidden = true;
  [...$('topics-table').tBodies[0].rows].find((row) => row.dataset.key === name)?.querySelector('button')?.focus();
});
