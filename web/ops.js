// The ops page: what the server says of the installation, live.
import { $, Series, asOf, figure, fill, long, make, number, press, reasons, say, span, state, time, topology } from './ops-draw.js';
import { Overviews, token } from './ops-api.js';
import './ops-letters.js';
import './ops-lookup.js';
import { list as listNotices } from './ops-notices.js';
import './ops-topics.js';

const statusTexts = {
  away: 'Kafka is away',
  connecting: 'Connecting…',
  live: 'Live',
  waiting: 'Connection lost, trying again…',
  refused: 'Not connected',
  paused: 'Paused',
};

// At a glance: a name, its value of an overview (and of the one before), and how
// to write it. What is not known is undefined. "Here" is this server; all else is
// the installation.
const figures = [
  ['Oldest unprocessed record', (o) => o.lag.max_lag_seconds, span],
  ['Records to process', (o) => o.lag.lag, number],
  ['Records processed a second', (o) => processedRate(o), number],
  ['Pending dead letters', (o) => (o.dead_letters.counted_at ? o.dead_letters.pending : undefined), number],
  ['Open streams here', (o) => o.traffic.streams, number],
  ['Polls a second here', (o, rate) => rate((x) => sum(Object.values(x.traffic.polls))), number],
  ['Events sent a second here', (o, rate) => rate((x) => sum(Object.values(x.traffic.events))), number],
  ['Requests in flight here', (o) => o.traffic.in_flight, number],
  ['Unread items that are wrong in badges recounted here', (o) => o.drift, number],
  ['Timers to come here', (o) => o.timers?.pending, number],
  ['Oldest timer overdue here', (o) => o.timers?.late_seconds, span],
  ["This server's clock ahead of Kafka's", (o) => o.clock_skew_seconds, span],
];
const fromKafka = 4; // the first ones: they stand still while it is away

const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);

const cards = figures.map(([name, , text]) => {
  const value = make('dd');
  const series = new Series(name, text);
  const chart = make('dd', 'chart');
  chart.append(series.element);
  const card = make('div');
  card.append(make('dt', '', name), value, chart);
  $('figures').append(card);
  return { value, series };
});

let before; // the overview before
let measured; // {at, processed, rate} of the collection of lag that was seen last

// processedRate is that of all members of all groups, from what they have committed
// between two collections.
function processedRate(o) {
  const at = o.lag.collected_at;
  if (at && at !== measured?.at) {
    const processed = new Map(o.groups.map((group) => [group.name, group.processed]));
    let rate;
    if (measured) {
      const done = sum([...processed].map(([name, n]) => Math.max(0, n - (measured.processed.get(name) ?? n))));
      rate = done / ((new Date(at) - new Date(measured.at)) / 1000);
    }
    measured = { at, processed, rate };
  }
  return measured?.rate;
}
let drawn = ''; // the topology on the screen
let opened = ''; // the group whose partitions are shown
const trends = new Map(); // group to Series
const states = new Map(); // what to state

function show(o) {
  showFigures(o);
  showGroups(o);
  showGroup(o);
  fill($('views-table'), o.views.map((view) => ({
    key: view.name,
    cells: [view.name, state(view), figure(view.lag), figure(view.restarts)],
  })));
  showTopology(o);
  $('rebalances-none').hidden = o.processors > 0;
  $('rebalances-here').hidden = o.processors === 0;
  fill($('rebalances-table'), o.rebalances.map((r) => ({
    key: `${r.group} ${r.at}`,
    cells: [time(r.at), r.group, figure(r.before), figure(r.after), r.pause_seconds ? span(r.pause_seconds) : '–'],
  })));
  $('channels').hidden = !o.channels;
  fill($('channels-table'), (o.channels ?? []).map((c) => ({
    key: c.name,
    cells: [c.name, figure(c.dispatched), reasons(c.held), figure(c.sent), ...[c.returned, c.suppressed, c.failed].map(reasons)],
  })));
  showPending(o.dead_letters);
  announce(o);
  if (!before) listNotices();
  before = o;
}

function showFigures(o) {
  const seconds = before ? (new Date(o.at) - new Date(before.at)) / 1000 : 0;
  // A counter that fell is that of another process.
  const rate = (of) => (seconds > 0 ? Math.max(0, (of(o) - of(before)) / seconds) : undefined);
  figures.forEach(([, of, text], i) => {
    const value = of(o, rate);
    const old = i < fromKafka && isAway(o);
    say(cards[i].value, value === undefined || value === null ? '–' : `${text(value)}${old ? ` as of ${asOf(o.lag.collected_at)}` : ''}`);
    if (!old) cards[i].series.add(value);
  });
  const ready = o.ready ? 'This server is ready.' : 'This server is not ready.';
  const away = isAway(o);
  say($('collected'), away ? 'This server answers from its copies of the tables, as they were.' : `${ready} ${o.lag.up ? `Lag as of ${time(o.lag.collected_at)}.` : 'Lag is being collected for the first time.'}`);
  $('away').hidden = !away;
  const known = o.lag.collected_at ? `What it tells is as of ${asOf(o.lag.collected_at)}; how groups are now is unknown.` : 'It has not answered since this server started.';
  say($('away'), away ? `Kafka is away: ${o.lag.error}. ${known} What is sent to this server is refused until it is back.` : '');
  status(away ? 'away' : 'live');
}

// Without an error nothing was collected yet.
const isAway = (o) => !o.lag.up && Boolean(o.lag.error);

function showPending(letters) {
  const count = letters.pending === 1 ? '1 pending' : `${number(letters.pending)} pending`;
  const counted = letters.counted_at ? `${count}, as counted in the topic at ${asOf(letters.counted_at)}.` : `The topic is being counted: ${count} so far.`;
  say($('pending'), letters.error ? `${letters.counted_at ? counted : 'Not counted.'} ${letters.error}.` : counted);
  fill($('reasons-table'), letters.kinds.map((d) => ({ key: `${d.group} ${d.reason}`, cells: [d.group || '–', d.reason, figure(d.count)] })));
}

function showGroups(o) {
  fill($('groups-table'), o.groups.map((group) => {
    let trend = trends.get(group.name);
    if (!trend) {
      trend = new Series(`Lag of ${group.name}`);
      trends.set(group.name, trend);
    }
    if (!isAway(o)) trend.add(group.lag);
    return {
      key: group.name,
      cells: [
        press(group.name, `${group.name}: show partitions`, () => open(group.name)),
        state(group, o.lag.collected_at), figure(group.member_count), figure(group.partition_count), figure(group.lag), figure(span(group.max_lag_seconds)),
        figure(isAway(o) ? '–' : caughtUp(group)),
        (cell) => { if (cell.firstChild !== trend.element) cell.replaceChildren(trend.element); },
      ],
    };
  }));
  for (const name of trends.keys()) if (!o.groups.some((group) => group.name === name)) trends.delete(name);
  $('groups-more').hidden = o.groups_omitted === 0;
  say($('groups-more'), `${o.groups_omitted} more groups are not shown.`);
}

function caughtUp(group) {
  if (group.lag === 0) return 'caught up';
  if (group.catchup_never) return 'never at this rate';
  return group.catchup_seconds === undefined || group.catchup_seconds === null ? '–' : span(group.catchup_seconds);
}

function open(name) {
  opened = name;
  showGroup(before);
  $('group-name').focus();
}

function showGroup(o) {
  const group = o?.groups.find((one) => one.name === opened);
  $('group').hidden = !group;
  if (!group) return;
  say($('group-name'), group.name);
  const more = group.partition_count - group.partitions.length;
  say($('group-detail'), [
    `Kafka says ${group.kafka_state || 'nothing'}.`,
    group.here ? `This process is a member; it was built anew ${group.restarts} times.` : 'This process is not a member.',
    more > 0 ? `Of ${group.partition_count} partitions those with the highest lag.` : '',
  ].join(' '));
  fill($('partitions-table'), group.partitions.map((p) => ({
    key: `${p.topic}/${p.partition}`,
    cells: [p.topic, figure(p.partition), figure(p.current_offset ?? 'none'), figure(p.end_offset), figure(p.lag), figure(span(p.lag_seconds))],
  })));
  fill($('members-table'), group.members.map((m) => ({ key: m.id, cells: [long(m.id), m.host, figure(m.partitions)] })));
}

function showTopology(o) {
  const { nodes, edges } = o.topology;
  const now = JSON.stringify(o.topology);
  if (now !== drawn) {
    drawn = now;
    $('graph').replaceChildren(topology(o.topology));
  }
  const names = (list) => list.join(', ') || '–';
  fill($('flows-table'), nodes.map((node) => ({
    key: node.name,
    cells: [
      node.name, node.kind, node.state || '–',
      long(names(edges.filter((e) => e.to === node.name).map((e) => e.from))),
      long(names(edges.filter((e) => e.from === node.name).map((e) => e.to))),
    ],
  })));
}

// Several changes that come at once are one announcement; the first look is none.
function announce(o) {
  const news = [];
  const note = (name, now) => {
    if (states.has(name) && states.get(name) !== now) news.push(`${name}: ${now}`);
    states.set(name, now);
  };
  for (const group of o.groups) note(group.name, group.state);
  for (const view of o.views) note(view.name, view.phase);
  if (news.length) say($('news'), news.join('. '));
}

function status(name) {
  say($('status'), statusTexts[name]);
  $('status').dataset.status = name;
}

const overviews = new Overviews(show, (name, error) => {
  if (name !== 'live') status(name); // what is shown says how things are
  $('problem').hidden = !error;
  say($('problem'), error?.message ?? '');
  if (error?.status === 401 || error?.status === 403) $('login').open = true;
});

$('pause').addEventListener('click', () => {
  const paused = $('pause').getAttribute('aria-pressed') !== 'true';
  $('pause').setAttribute('aria-pressed', paused);
  if (!paused) {
    overviews.start();
    return;
  }
  overviews.stop();
  status('paused');
});

$('group-close').addEventListener('click', () => {
  const name = opened;
  opened = '';
  $('group').hidden = true;
  [...$('groups-table').tBodies[0].rows].find((row) => row.dataset.key === name)?.querySelector('button')?.focus();
});

$('who').addEventListener('submit', (event) => {
  event.preventDefault();
  token.set($('token').value.trim());
  $('login').open = false;
  $('pause').setAttribute('aria-pressed', 'false');
  overviews.start();
});

window.addEventListener('pagehide', () => overviews.stop());
window.addEventListener('pageshow', (event) => event.persisted && overviews.start());

$('token').value = token.get();
overviews.start();
