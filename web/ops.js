// The ops page: what the server says of the installation, live.
import { $, Series, figure, fill, long, make, number, press, say, span, state, time, topology } from './ops-draw.js';
import { Overviews, token } from './ops-api.js';
import './ops-letters.js';
import './ops-lookup.js';

const statusTexts = {
  connecting: 'Connecting…',
  live: 'Live',
  waiting: 'Connection lost, trying again…',
  refused: 'Not connected',
  paused: 'Paused',
};

// At a glance: a name, its value of an overview (and of the one before), and how
// to write it.
const figures = [
  ['Oldest unprocessed record', (o) => o.lag.max_lag_seconds, span],
  ['Records to process', (o) => o.lag.lag, number],
  ['Records a second here', (o, rate) => rate((x) => sum(x.groups.map((g) => g.records))), number],
  ['Open streams', (o) => o.traffic.streams, number],
  ['Polls a second', (o, rate) => rate((x) => sum(Object.values(x.traffic.polls))), number],
  ['Events sent a second', (o, rate) => rate((x) => sum(Object.values(x.traffic.events))), number],
  ['Requests in flight', (o) => o.traffic.in_flight, number],
  ['Unread items that are wrong in recounted badges', (o) => o.drift ?? 0, number],
  ['Dead letters set aside here', (o) => sum(o.dead_letters.map((d) => d.count)), number],
];

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
  fill($('rebalances-table'), o.rebalances.map((r) => ({
    key: `${r.group} ${r.at}`,
    cells: [time(r.at), r.group, figure(r.before), figure(r.after), r.pause_seconds ? span(r.pause_seconds) : '–'],
  })));
  fill($('reasons-table'), o.dead_letters.map((d) => ({ key: `${d.group} ${d.reason}`, cells: [d.group, d.reason, figure(d.count)] })));
  announce(o);
  before = o;
}

function showFigures(o) {
  const seconds = before ? (new Date(o.at) - new Date(before.at)) / 1000 : 0;
  // A counter that fell is that of another process.
  const rate = (of) => (seconds > 0 ? Math.max(0, (of(o) - of(before)) / seconds) : 0);
  figures.forEach(([, of, text], i) => {
    const value = of(o, rate);
    say(cards[i].value, text(value));
    cards[i].series.add(value);
  });
  const lag = o.lag.up ? `Lag as of ${time(o.lag.collected_at)}.` : `Lag is not collected at the moment: ${o.lag.error || 'not yet'}. Figures are those of before.`;
  say($('collected'), `${o.ready ? 'This server is ready.' : 'This server is not ready.'} ${lag}`);
}

function showGroups(o) {
  fill($('groups-table'), o.groups.map((group) => {
    let trend = trends.get(group.name);
    if (!trend) {
      trend = new Series(`Lag of ${group.name}`);
      trends.set(group.name, trend);
    }
    trend.add(group.lag);
    return {
      key: group.name,
      cells: [
        press(group.name, `${group.name}: show partitions`, () => open(group.name)),
        state(group), figure(group.member_count), figure(group.partition_count), figure(group.lag), figure(span(group.max_lag_seconds)),
        figure(caughtUp(group)),
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

const overviews = new Overviews(show, (status, error) => {
  say($('status'), statusTexts[status]);
  $('status').dataset.status = status;
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
  say($('status'), statusTexts.paused);
  $('status').dataset.status = 'paused';
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
