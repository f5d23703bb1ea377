// A row of the inbox: an item as nodes, texts as texts.
import { h, say, set } from '#dom';

/** Whether item is an announcement that is not over and still in the inbox. */
export const pinned = (item, now) => !!item.audience && !item.archived && !item.until && !(Date.parse(item.expires_at) <= now);

/** `urgent` or `high`, undefined for any other priority. */
export const strong = ({ priority }) => (priority === 'urgent' || priority === 'high' ? priority : undefined);

/** Makes the row of an item, whose link `follow` is called for. */
export function makeRow(seq, follow) {
  const row = {};
  const text = (name, part) => (row[part] = h('span', { class: name, part: `item-${part}` }, h('bdi')));
  const go = (e) => follow(row, e);
  row.element = h('li', { part: 'item', 'data-seq': seq },
    (row.main = h('a', { class: 'm', part: 'link', onclick: go, onauxclick: (e) => e.button === 1 && go(e) },
      (row.avatar = h('span', { class: 'av', part: 'avatar', 'aria-hidden': 'true' })),
      h('span', { class: 'tx' }, (row.mark = h('span', { class: 'v' })),
        text('ti', 'title'), text('bo', 'body'),
        (row.meta = h('span', { class: 'me', part: 'item-meta' }))))),
    (row.dot = h('span', { class: 'dot', part: 'dot' })));
  row.time = h('time');
  return row;
}

/** Shows an item in its row, in the words of an inbox. */
export function fillRow(row, item, inbox) {
  const { t } = inbox;
  const { read, until, body, actors, count, category } = row.item = item;
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
  const names = actors?.count > 1 && (actors.latest ?? []).map((a) => a.name ?? a.id).filter(Boolean).slice(0, 2);
  const n = names && `${actors.count - names.length}${actors.more ? '+' : ''}`;
  const who = names?.length && (n > 0 || actors.more ? inbox.say(n === '1' ? 'others1' : 'others', { names: names.join(', '), n }) : inbox.speech.names(names));
  set(row.time, 'datetime', time);
  row.meta.replaceChildren(...[
    time && row.time,
    loud && h('span', { class: 'pr' }, t[loud]),
    ...[who, category && inbox.name(category), count > 1 && inbox.say('times', { n: count })].map((word) => word && h('bdi', null, word)),
  ].filter(Boolean));
}

/** An address that may be followed: http, https or relative; undefined for any other. */
export function safe(url) {
  const to = url && URL.canParse(url, document.baseURI) && new URL(url, document.baseURI);
  return to && /^https?:$/.test(to.protocol) ? to.href : undefined;
}

// A text in a <bdi>, so that nothing in it turns what stands around it; lang tells
// how it is spoken and where its lines may break.
function text(e, value, language) {
  say(e.firstChild, value);
  set(e, 'lang', /[가-힣]/.test(value) ? 'ko' : language === 'ko' ? 'en' : null);
}
