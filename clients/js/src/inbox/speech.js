// Times and lists as Intl writes them.
const day = 864e5; // ms
const midnight = (t) => new Date(t).setHours(0, 0, 0, 0);

/** The words of Intl in one language. Times are in ms; `now` is given, so that one picture has one. */
export function speech(lang) {
  const relative = new Intl.RelativeTimeFormat(lang, { numeric: 'auto', style: 'narrow' });
  const long = new Intl.RelativeTimeFormat(lang, { numeric: 'auto' });
  const format = (options) => new Intl.DateTimeFormat(lang, options);
  const clock = format({ timeStyle: 'short' });
  const date = format({ weekday: 'long', month: 'long', day: 'numeric' });
  const dated = format({ dateStyle: 'long' });
  const names = new Intl.ListFormat(lang);
  const capital = (text) => text.charAt(0).toLocaleUpperCase(lang) + text.slice(1);
  // Days of the calendar, not of 24 hours: summer time begins and ends.
  const daysAgo = (t, now) => Math.round((midnight(now) - midnight(t)) / day);
  return {
    clock: (t) => clock.format(t),
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

/** The time at which an item shows, or came, or came back. A clock that is ahead says "now". */
export function when({ until, woke_at, time }, now) {
  return until ? Date.parse(until) : Math.min(Date.parse(woke_at ?? time) || now, now);
}
