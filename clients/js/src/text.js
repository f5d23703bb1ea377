// The words of the elements in English, and what Intl makes of times and lists. `{…}`
// is filled in. A page overrides any of them by the property `texts`, and adds a
// language by putting it into `languages`. Korean is in ko.js; panels.js and settings.js
// have words of their own, which `languages` and `texts` override as well.
const en = {
  title: 'Notifications', all: 'All', unreadOnly: 'Unread only', important: 'Important first', archive: 'Archived',
  markAll: 'Mark all as read', keys: 'Keyboard shortcuts', settings: 'Settings', filters: 'Filters', more: 'Actions', close: 'Close',
  read: 'Mark as read', again: 'Mark as unread', put: 'Archive', back: 'Move to inbox', remove: 'Delete', undo: 'Undo',
  later: 'Snooze', now: 'Show now',
  scheduled: 'Scheduled', noScheduled: 'Nothing scheduled', unmute: 'Unmute {name}', muted: 'Muted',
  done_mute: '{name} is muted', done_unmute: '{name} is no longer muted',
  isUnread: 'Unread', urgent: 'Urgent', high: 'Important', rest: 'Everything else', pending: 'On its way…', times: '{n} times',
  others1: '{names} and {n} other', others: '{names} and {n} others',
  caughtUp: 'You’re all caught up', comes: 'What comes in shows up here by itself.',
  noUnread: 'Nothing unread', noArchive: 'Nothing archived', showAll: 'Show all',
  loading: 'Loading…', older: 'Show older', end: 'That’s all', retry: 'Try again',
  offline: 'You’re offline. This is what was there last.', lost: 'Notifications cannot be reached.',
  signedOut: 'You’re signed out.', signIn: 'Sign in',
  done_put: 'Archived', done_back: 'Moved to inbox', done_remove: 'Deleted', done_removes: '{n} deleted', failed: 'That did not work: {why}',
  one: 'New: {title}', many: '{n} new notifications', news: 'A new notification',
  unseen: 'Notifications, {n} new', unseen0: 'Notifications, nothing new', unread: 'Notifications, {n} unread', unread0: 'Notifications, nothing unread', bellUrgent: '{n} urgent',
};

/** The words by language; a page may add to it before its elements are there. Korean's are loaded. */
export const languages = { en, ko: {} };

let korean; // whether its words are there

/** Returns a promise of the words of a language that are still to be loaded, undefined for any other. */
export const load = (language) => language !== 'ko' || korean ? undefined : import('./ko.js').then(({ ko }) => {
  languages.ko = { ...ko, ...languages.ko };
  korean = true;
});

export const fill = (text, values) => text.replace(/{(\w+)}/g, (_, name) => values[name]);

const day = 864e5; // ms
const midnight = (t) => new Date(t).setHours(0, 0, 0, 0);

/** The words of Intl in one language. Times are in ms; `now` is given, so that one picture has one. */
export function speech(lang) {
  const relative = new Intl.RelativeTimeFormat(lang, { numeric: 'auto', style: 'narrow' });
  const long = new Intl.RelativeTimeFormat(lang, { numeric: 'auto' });
  const format = (options) => new Intl.DateTimeFormat(lang, options);
  const clock = format({ timeStyle: 'short' });
  const soon = format({ weekday: 'short', month: 'numeric', day: 'numeric', hour: 'numeric', minute: '2-digit' });
  const date = format({ weekday: 'long', month: 'long', day: 'numeric' });
  const dated = format({ dateStyle: 'long' });
  const full = format({ dateStyle: 'full', timeStyle: 'short' });
  const names = new Intl.ListFormat(lang);
  const capital = (text) => text.charAt(0).toLocaleUpperCase(lang) + text.slice(1);
  // Days of the calendar, not of 24 hours: summer time begins and ends.
  const daysAgo = (t, now) => Math.round((midnight(now) - midnight(t)) / day);
  return {
    full: (t) => full.format(t),
    clock: (t) => clock.format(t),
    soon: (t) => soon.format(t),
    names: (list) => names.format(list),
    /** The heading of a day. */
    day(t, now) {
      const ago = daysAgo(t, now);
      return Math.abs(ago) < 2 ? capital(long.format(-ago, 'day')) : (Math.abs(ago) < 300 ? date : dated).format(t);
    },
    /** Under the heading of a day: minutes and hours, then the time of day. A clock that is ahead says "now". */
    ago(t, now) {
      const minutes = Math.floor((now - t) / 6e4);
      if (minutes < 1) return relative.format(0, 'second');
      if (minutes < 60) return relative.format(-minutes, 'minute');
      return daysAgo(t, now) < 1 ? relative.format(-Math.floor(minutes / 60), 'hour') : clock.format(t);
    },
  };
}
