// The announcements of the ops page: which notices to many are live, and since when.
import { $, audience, figure, fill, long, number, say, time } from './ops-draw.js';
import { ask } from './ops-api.js';

/** Lists what is live; with contents what it says, too. */
export async function list(contents = false) {
  say($('notices-status'), 'Reading…');
  try {
    show(await (await ask(`/broadcasts?contents=${contents ? 1 : 0}`)).json(), contents);
  } catch (error) {
    // The screen shows the list of before, and says when that was.
    say($('notices-status'), `${error.message}${$('notices-list').hidden ? '' : ' The table is that of before.'}`);
  }
}

function show({ partitions, off, broadcasts }, contents) {
  const scheduled = broadcasts.filter((notice) => notice.until).length;
  const found = [`${number(broadcasts.length - scheduled)} live, ${number(scheduled)} scheduled, as of ${time(new Date())}.`];
  if (off.length) found.push(`Of ${number(partitions)} partitions these take no notices: ${off.join(', ')}.`);
  say($('notices-status'), found.join(' '));
  $('notices-list').hidden = false;
  fill($('notices-table'), broadcasts.map((notice) => ({
    key: Object.entries(notice.seqs)[0].join('/'),
    cells: [
      Object.entries(notice.seqs)[0].join('/'), time(notice.time), notice.audience ? audience(notice.audience) : 'a topic', notice.until ? `from ${time(notice.until)}` : 'now', time(notice.expires_at), notice.priority,
      figure(notice.count), `${Object.keys(notice.seqs).length} of ${partitions}`,
      ...(contents ? [long([notice.source, notice.id].filter(Boolean).join(' / ') || '–'), long(notice.pending ? 'its content is on its way' : text(notice.title))]
        : ['hidden', 'hidden'].map((text) => ({ text, className: '' }))),
    ],
  })), 'Nothing is announced.');
}

// A title in one language, or the first of several.
const text = (title) => (typeof title === 'string' ? title : Object.values(title ?? {})[0] ?? '');

$('notices-form').addEventListener('submit', (event) => {
  event.preventDefault();
  list($('notices-titles').checked);
});
