// The demo's first page: two people, the events that a visitor makes, and their way
// through Kafka as Kafka's own records tell it.
import './belfry-bell.js';

const $ = (selector, within = document) => within.querySelector(selector);
const asked = new URLSearchParams(location.search).get('user');
const names = { 'user-7': 'Alex Morgan', '사용자-7': '김민지', jiho: '박지호', sara: 'Sara Lind', tomas: 'Tomás Vega', noor: 'Noor Haddad' };
const people = {
  left: { user: asked && asked !== '사용자-7' ? asked : 'user-7', lang: 'en', why: (n) => `Why is my badge ${n}?` },
  right: { user: '사용자-7', lang: 'ko', why: (n) => `제 배지는 왜 ${n}인가요?` },
};
const words = {
  ko: { 'category.approval': '결재', 'category.board': '게시판', 'category.calendar': '일정', 'category.reservation': '예약', 'category.notice': '공지', 'category.order': '주문' },
};
const shown = new Map(); // id to {item, frame, painted, user}, once it is on the screen
const waiting = new Map(); // id to who waits for that
const now = () => performance.timeOrigin + performance.now(); // ms, as Kafka's times

for (const [side, person] of Object.entries(people)) {
  const at = document.getElementById(side);
  const [bell, inbox] = [$('belfry-bell', at), $('belfry-inbox', at)];
  const name = names[person.user] ?? person.user;
  $('strong', at).textContent = name;
  if (side === 'left') $('#to bdi').textContent = name;
  for (const e of [bell, inbox]) {
    e.texts = words[person.lang];
    e.setAttribute('lang', person.lang);
    e.setAttribute('user', person.user);
  }
  const why = $('.why', at);
  why.href = `/ops?user=${encodeURIComponent(person.user)}#lookup`;
  why.textContent = person.why('…');
  bell.addEventListener('belfry-count', ({ detail }) => {
    why.textContent = person.why(detail.unread);
  });
  await Promise.resolve(); // the elements begin after this turn
  const list = inbox.client.list();
  list.subscribe(() => {
    const frame = now();
    for (const item of list.items) {
      if (shown.has(item.id) || item.pending) continue;
      shown.set(item.id, undefined); // an item may be here before the answer that names it
      requestAnimationFrame(() => setTimeout(() => {
        shown.set(item.id, { item, frame, painted: now(), user: person.user });
        waiting.get(item.id)?.();
      }));
    }
  });
}

$('#snippet').textContent = `<script type="module" src="${location.origin}/belfry-bell.js"></script>\n<belfry-bell url="${location.origin}" user="user-7"></belfry-bell>`;

for (const button of document.querySelectorAll('[data-kind]')) button.addEventListener('click', () => make(button.dataset.kind));

const comment = $('#comment');
$('bdi', comment).textContent = names.sara;
comment.addEventListener('click', async () => {
  $('#problem').textContent = '';
  comment.disabled = true;
  try {
    const { exchanges, event } = await post('/demo/comments', { by: 'sara' });
    const lines = exchanges.flatMap(({ device, request, answer }) => [`# ${device}`, `v1.event.subscription.request   ${short(request)}`, `v1.event.subscription.response  ${JSON.stringify(answer)}`]);
    $('#exchange code').textContent = [...lines, '', `v1.event.comment-created        ${JSON.stringify(event)}`].join('\n');
    $('#exchange').hidden = false;
    watch();
  } catch (error) {
    $('#problem').textContent = `That did not work: ${error.message}`;
  } finally {
    comment.disabled = false;
  }
});

const short = ({ subscription, ...request }) => JSON.stringify({ ...request, subscription: { endpoint: subscription.endpoint, keys: '…' } });

// Devices are asked for what they show until a while after the last comment.
let until = 0, watching = false;
async function watch() {
  until = now() + 30_000;
  if (watching) return;
  watching = true;
  try {
    for (; now() < until; await new Promise((done) => setTimeout(done, 500))) {
      for (const at of document.querySelectorAll('[data-device]')) {
        const response = await fetch(`/demo/devices/${at.dataset.device}`);
        if (response.ok) fill($('ol', at), (await response.json()).shown);
      }
    }
  } finally {
    watching = false;
  }
}

function fill(list, shown) {
  if (!shown.length || list.childElementCount === shown.length && !$('.none', list)) return;
  list.replaceChildren(...shown.toReversed().map(({ title, body, at }) => {
    const li = document.createElement('li');
    li.append(Object.assign(document.createElement('strong'), { textContent: title }), ' ', Object.assign(document.createElement('span'), { textContent: body ?? '' }),
      Object.assign(document.createElement('time'), { dateTime: at, textContent: new Date(at).toLocaleTimeString('en') }));
    return li;
  }));
}

async function post(path, body) {
  const response = await fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.detail);
  return answer;
}

async function make(kind) {
  const to = $('input[name=to]:checked').value;
  const recipients = [...new Set(to === 'both' ? [people.left.user, people.right.user] : [people[to].user])];
  $('#problem').textContent = '';
  try {
    const sent = now();
    const answer = await post('/demo/events', { kind, recipients });
    const acked = now();
    const [id] = answer.ids;
    if (!shown.get(id)) await new Promise((done) => waiting.set(id, done));
    waiting.delete(id);
    await tell({ ...shown.get(id), sent, acked });
  } catch (error) {
    $('#problem').textContent = `That did not work: ${error.message}`;
  }
}

async function newest(topic, is) {
  const response = await fetch(`/v1/ops/topics/${encodeURIComponent(topic)}/records?limit=40`);
  if (!response.ok) return undefined;
  return (await response.json()).records.filter(is).at(-1);
}

// One after the other: a server reads few topics at a time for those who look.
async function tell({ item, user, frame, painted, sent, acked }) {
  const has = (r) => r.decoded.some((d) => d.id === item.id);
  const topic = await newest('belfry.notifications', has);
  const journal = await newest('belfry.journal', has);
  const row = await newest('belfry-unread-table', (r) => r.key === user && r.decoded.some((d) => Number(d.value?.cursor?.split('.')[1]) >= item.seq));
  const start = topic ? Date.parse(topic.at) : sent;
  const where = (r, name) => (r ? `${name}, partition ${r.partition}, offset ${r.offset}` : 'already compacted away');
  show('topic', topic && 0, where(topic, 'belfry.notifications'), `acknowledged to the service after ${(acked - sent).toFixed(1)} ms`);
  show('journal', journal && Date.parse(journal.at) - start, where(journal, 'belfry.journal'), `key ${user}`);
  show('tables', row && Date.parse(row.at) - start, where(row, 'belfry-unread-table'), `version ${item.version}, item ${item.seq}`);
  show('frame', frame - start, 'in this tab, one stream for all of them', `painted ${(painted - frame).toFixed(1)} ms later`);
  $('#story').replaceChildren(document.createTextNode('“'), Object.assign(document.createElement('bdi'), { textContent: item.title }), document.createTextNode(`” was on the screen ${(painted - start).toFixed(0)} ms after the service wrote it.`));
}

function show(step, ms, where, more) {
  const at = $(`[data-step=${step}]`);
  $('.ms', at).textContent = ms === undefined ? '–' : `${ms > 0 ? '+' : ''}${Math.max(0, ms).toFixed(Number.isInteger(ms) ? 0 : 1)} ms`;
  $('.where', at).replaceChildren(...[where, more].map((text) => Object.assign(document.createElement('span'), { textContent: text })));
  at.classList.remove('lit');
  void at.offsetWidth; // the animation begins anew
  at.classList.add('lit');
}
