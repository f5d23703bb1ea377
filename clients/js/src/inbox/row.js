// A row of the inbox: an item as nodes, texts as texts.
import { bell, h, icon, say, set } from '#dom';

export const paths = {
  check: 'M20 6 9 17l-5-5',
  all: 'm1 13 4 4L15 7m-4 9 1 1L22 7',
  dot: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8z',
  put: 'M3 4h18v4H3zM5 8v12h14V8M10 12h4',
  back: 'M3 4h18v4H3zM5 8v12h14V8M12 18v-6m-3 3 3-3 3 3',
  remove: 'M4 7h16M10 4h4M6 7l1 13h10l1-13M10 11v5M14 11v5',
  later: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5l3.500 2',
  more: 'M5 12h.01M12 12h.01M19 12h.01',
  keys: 'M3 6h18v12H3zM7 10h.01M11 10h.01M15 10h.01M7 14h10',
  settings: 'M4 7h9m4 0h3M4 17h3m4 0h9M15 5v4M9 15v4',
  bell,
  lost: 'M3 3l18 18M5 12a10 10 0 0 1 4-2.500M19 12a10 10 0 0 0-7-3M9 16a4 4 0 0 1 6 0M12 20h.01',
};

/** Whether item is an announcement that is not over and still in the inbox. */
export const pinned = (item, now) => !!item.audience && !item.archived && !item.until && !(Date.parse(item.expires_at) <= now);

/** `urgent` or `high`, undefined for any other priority. */
export const strong = ({ priority }) => (priority === 'urgent' || priority === 'high' ? priority : undefined);

/** Makes the row of an item; `on` has what is done with it. */
export function makeRow(seq, on) {
  const row = {};
  const text = (name, part) => (row[part] = h('span', { class: name, part: `item-${part}` }, h('bdi')));
  const act = (name) => (row[name] = h('button', { class: 'i', part: 'action', tabindex: -1, onclick: () => on[name](row) }));
  const follow = (e) => on.follow(row, e);
  row.element = h('li', { part: 'item', 'data-seq': seq },
    (row.main = h('a', { class: 'm', part: 'link', onclick: follow, onauxclick: (e) => e.button === 1 && follow(e) },
      (row.avatar = h('span', { class: 'av', part: 'avatar', 'aria-hidden': 'true' })),
      h('span', { class: 'tx' }, (row.mark = h('span', { class: 'v' })),
        text('ti', 'title'), text('bo', 'body'),
        (row.meta = h('span', { class: 'me', part: 'item-meta' }))))),
    (row.dot = h('span', { class: 'dot', part: 'dot' })),
    (row.more = h('button', { class: 'i mo', tabindex: -1, onclick: () => on.open(row) }, icon(paths.more))),
    h('div', { class: 'ac', part: 'actions' }, act('read'), act('put'), act('later'), act('remove')));
  row.time = h('time');
  return row;
}

/** Shows an item in its row, in the words of an inbox. */
export function fillRow(row, item, inbox) {
  const { t } = inbox;
  const { read, archived, until, body, actors, count, category } = row.item = item;
  const title = item.pending ? t.pending : item.title ?? '';
  const loud = strong(item);
  row.element.className = [read ? '' : 'un', loud, row.element.classList.contains('open') && 'open'].filter(Boolean).join(' ');
  set(row.element, 'part', `item ${read ? 'read' : 'unread'} ${loud ?? ''}`.trim());
  row.dot.hidden = read;
  say(row.mark, read ? '' : `${t.isUnread}: `);
  text(row.title, title, inbox.language);
  text(row.body, body ?? '', inbox.language);
  row.body.hidden = !body;
  const time = until ?? item.time;
  const href = safe(item.url);
  set(row.main, 'href', href);
  set(row.main, 'role', href ? null : 'button');
  set(row.main, 'target', href && inbox.getAttribute('target'));
  set(row.main, 'rel', href && 'noreferrer');
  picture(row, item);
  const names = actors?.count > 1 && (actors.latest ?? []).map((a) => a.name ?? a.id).filter(Boolean).slice(0, 2);
  const n = names && `${actors.count - names.length}${actors.more ? '+' : ''}`;
  const who = names?.length && (n > 0 || actors.more ? inbox.say(n === '1' ? 'others1' : 'others', { names: names.join(', '), n }) : inbox.speech.names(names));
  set(row.time, 'datetime', time);
  if (time) row.time.title = inbox.speech.full(Date.parse(time));
  row.meta.replaceChildren(...[
    time && row.time,
    loud && h('span', { class: 'pr' }, t[loud]),
    ...[who, category && inbox.name(category), count > 1 && inbox.say('times', { n: count })].map((word) => word && h('bdi', null, word)),
  ].filter(Boolean));
  // A scheduled item can only be shown, or go.
  row.read.hidden = row.put.hidden = !!until;
  row.later.hidden = !inbox.can('time');
  set(row.later, 'aria-haspopup', until ? null : 'dialog');
  for (const [b, name, path] of [
    [row.read, read ? 'again' : 'read', read ? 'dot' : 'check'],
    [row.put, archived ? 'back' : 'put'],
    [row.later, until ? 'now' : 'later', until ? 'back' : 'later'],
    [row.remove, 'remove'],
    [row.more, 'more'],
  ]) {
    b.title = t[name];
    set(b, 'aria-label', `${t[name]}: ${title}`);
    b.replaceChildren(icon(paths[path ?? name]));
  }
  set(row.more, 'aria-expanded', `${row.element.classList.contains('open')}`);
}

/** An address that may be followed: http, https or relative; undefined for any other. */
function safe(url) {
  const to = url && URL.canParse(url, document.baseURI) && new URL(url, document.baseURI);
  return to && /^https?:$/.test(to.protocol) ? to.href : undefined;
}

// A picture, and what stands for it while there is none: initials, or a bell.
function picture({ avatar }, { actor }) {
  const name = actor?.name || actor?.id || '';
  const src = safe(actor?.avatar);
  const key = `${name}\n${src}`;
  if (avatar.dataset.of === key) return;
  avatar.dataset.of = key;
  let hue = 0;
  for (const c of name) hue = (hue * 31 + c.codePointAt(0)) % 360;
  if (name) avatar.style.setProperty('--hue', hue);
  avatar.replaceChildren(name ? h('bdi', null, initials(name)) : icon(paths.bell));
  if (!src) return;
  const img = h('img', { alt: '', referrerpolicy: 'no-referrer', onload: () => avatar.dataset.of === key && avatar.replaceChildren(img) });
  img.src = src;
}

// A text in a <bdi>, so that nothing in it turns what stands around it; lang tells
// how it is spoken and where its lines may break.
function text(e, value, language) {
  say(e.firstChild, value);
  set(e, 'lang', /[가-힣]/.test(value) ? 'ko' : language === 'ko' ? 'en' : null);
}

function initials(name) {
  const words = name.trim().split(/[\s._-]+/).filter(Boolean);
  const first = (word) => [...(word ?? '')][0] ?? '';
  const one = first(words[0]);
  // Names in Hangul, Han or Kana are known by their end.
  if (/[\p{sc=Hangul}\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}]/u.test(one)) return [...words.at(-1)].slice(-2).join('');
  return (one + (words.length > 1 ? first(words.at(-1)) : '')).toLocaleUpperCase();
}
