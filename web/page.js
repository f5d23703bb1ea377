// The inbox page: shows one list and sends its user's commands.
import { Belfry } from './belfry.js';

const tokenKey = 'belfry.token'; // in sessionStorage, which ends with the tab

const $ = (id) => document.getElementById(id);
const when = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

let inbox;
let list;
let shown = []; // the items on the screen, newest first
const rows = new Map(); // seq to {element, item}

const statusTexts = {
  connecting: 'Connecting…',
  live: 'Live',
  polling: 'Asking now and then',
  offline: 'Connection lost, trying again…',
  'signed-out': 'Not connected',
};

function open(user) {
  inbox?.close();
  inbox = undefined;
  shown = [];
  rows.clear();
  $('list').replaceChildren();
  $('empty').hidden = true;
  $('news').textContent = '';
  tell();
  showBadge(undefined);
  if (!user) {
    $('status').textContent = 'Choose a user.';
    return;
  }
  inbox = new Belfry({ user, token: sessionStorage.getItem(tokenKey) ?? '' });
  list = inbox.list();
  inbox.subscribe(showState);
  list.subscribe(show);
  showState();
}

function show() {
  const items = list.items;
  const newest = shown[0]?.seq;
  announce(newest === undefined ? [] : items.filter((item) => item.seq > newest && !item.pending && !item.read));
  shown = items;
  showList();
  $('empty').hidden = list.loading || items.length > 0;
  $('older').hidden = list.done || list.loading;
}

function showBadge(unread) {
  $('badge').hidden = unread === undefined;
  $('badge').classList.toggle('none', unread === 0);
  $('count').textContent = unread ?? '';
  $('read-all').disabled = !unread;
  const name = inbox ? `${inbox.user} · Belfry` : 'Belfry';
  document.title = unread ? `(${unread}) ${name}` : name;
}

function showState() {
  const { status, counts, error } = inbox.state;
  showBadge(counts?.unread);
  $('status').textContent = statusTexts[status];
  $('status').dataset.status = status;
  if (status === 'live') tell();
  if (status === 'signed-out') {
    tell(error.message);
    $('login').open = true;
  }
}

function tell(problem = '') {
  $('problem').textContent = problem;
  $('problem').hidden = !problem;
}

// Several that come at once are one announcement.
function announce(items) {
  if (items.length === 0) return;
  $('news').textContent = items.length === 1 ? `New: ${items[0].title}` : `${items.length} new`;
}

// Keeps the element of each item that stays, so that the focus stays as well.
function showList() {
  const list = $('list');
  const focused = [...list.children].findIndex((li) => li.contains(document.activeElement));
  const seqs = new Set(shown.map((item) => item.seq));
  for (const [seq, row] of rows) {
    if (!seqs.has(seq)) {
      row.element.remove();
      rows.delete(seq);
    }
  }
  shown.forEach((item, i) => {
    let row = rows.get(item.seq);
    if (!row) {
      row = newRow(item.seq);
      rows.set(item.seq, row);
    }
    if (row.item !== item) {
      fill(row, item);
      row.item = item;
    }
    if (list.children[i] !== row.element) list.insertBefore(row.element, list.children[i] ?? null);
  });
  const lost = focused >= 0 && !list.contains(document.activeElement);
  if (lost) (list.children[Math.min(focused, list.children.length - 1)]?.querySelector('button') ?? $('heading')).focus();
}

function newRow(seq) {
  const element = make('li');
  element.dataset.seq = seq;
  const row = {
    element,
    mark: make('span', 'unseen'),
    title: make('h2'),
    body: make('p', 'body'),
    meta: make('p', 'meta'),
    toggle: button('toggle', (item) => inbox[item.read ? 'unread' : 'read']({ seqs: [seq] })),
    archive: button('archive', () => inbox.archive({ seqs: [seq] })),
    remove: button('delete', () => inbox.remove({ seqs: [seq] })),
  };
  const buttons = make('div', 'buttons');
  buttons.append(row.toggle, row.archive, row.remove);
  const text = make('div', 'text');
  text.append(row.title, row.body, row.meta);
  element.append(text, buttons);
  return row;

  function button(name, command) {
    const b = make('button', name);
    b.type = 'button';
    b.addEventListener('click', () => command(row.item).then(() => tell(), (error) => tell(error.message)));
    return b;
  }
}

function fill(row, item) {
  const { element, mark, title, body, meta } = row;
  element.classList.toggle('unread', !item.read);
  element.dataset.priority = item.priority;
  const name = item.pending ? 'On its way…' : item.title;
  mark.textContent = item.read ? '' : 'Unread: ';
  title.replaceChildren(mark, linked(name, item.url));
  body.textContent = item.body ?? '';
  body.hidden = !item.body;
  meta.replaceChildren(...details(item));
  label(row.toggle, item.read ? 'Mark unread' : 'Mark read', name);
  label(row.archive, 'Archive', name);
  label(row.remove, 'Delete', name);
}

// The name of a button begins with what is written on it (WCAG 2.5.3).
function label(b, text, name) {
  b.textContent = text;
  b.setAttribute('aria-label', `${text}: ${name}`);
}

function linked(text, url) {
  const href = safe(url);
  if (!href) return document.createTextNode(text);
  const a = make('a');
  a.href = href;
  a.rel = 'noreferrer';
  a.textContent = text;
  return a;
}

// The server checks URLs as well; a page must not depend on that.
function safe(url) {
  if (!url) return undefined;
  try {
    const parsed = new URL(url, location.href);
    return parsed.protocol === 'http:' || parsed.protocol === 'https:' ? parsed.href : undefined;
  } catch {
    return undefined;
  }
}

function details(item) {
  const parts = [];
  const add = (className, text) => {
    const span = make('span', className);
    span.textContent = text;
    parts.push(span);
  };
  if (item.priority === 'high' || item.priority === 'urgent') add('priority', item.priority);
  if (item.category) add('category', item.category);
  if (item.actor?.name || item.actor?.id) add('actor', item.actor.name || item.actor.id);
  if (item.count > 1) add('times', `${item.count} times`);
  if (item.time) {
    const time = make('time');
    time.dateTime = item.time;
    time.textContent = when.format(new Date(item.time));
    parts.push(time);
  }
  return parts;
}

function make(name, className = '') {
  const element = document.createElement(name);
  if (className) element.className = className;
  return element;
}

// A disabled button would lose the focus, so a busy one only ignores clicks.
async function busy(b, command) {
  if (b.getAttribute('aria-busy') === 'true') return;
  b.setAttribute('aria-busy', 'true');
  try {
    await command();
    tell();
  } catch (error) {
    tell(error.message);
  } finally {
    b.removeAttribute('aria-busy');
  }
}

$('read-all').addEventListener('click', () => {
  // What arrives between the look and the click stays unread.
  if (shown.length > 0) busy($('read-all'), () => inbox.markAll('read'));
});

$('older').addEventListener('click', () => busy($('older'), () => list.more()));

$('who').addEventListener('submit', (event) => {
  event.preventDefault();
  const token = $('token').value.trim();
  if (token) sessionStorage.setItem(tokenKey, token);
  else sessionStorage.removeItem(tokenKey);
  const user = $('user').value;
  const address = new URL(location.href);
  address.searchParams.set('user', user);
  history.replaceState(null, '', address);
  open(user);
});

// Without a user it opens the first that it suggests: a page that shows nothing says nothing.
$('user').value = new URLSearchParams(location.search).get('user') ?? $('users').options[0]?.value ?? '';
$('token').value = sessionStorage.getItem(tokenKey) ?? '';
open($('user').value);
