// Until when an item is put off.

const morning = 9;
const evening = 18; // o'clock, both

// At that hour, days after today, in the user's own time zone.
function at(hour, days, now) {
  const t = new Date(now);
  t.setDate(t.getDate() + days);
  return t.setHours(hour, 0, 0, 0);
}

/** The times that the menu of an item offers: [word, ms] in order of time. */
export function offers(now) {
  // The next Monday that is not tomorrow.
  const monday = ((7 - new Date(now).getDay()) % 7) + 1;
  return [
    ['hour', now + 36e5],
    ['evening', at(evening, 0, now)],
    ['tomorrow', at(morning, 1, now)],
    ['week', at(morning, monday > 1 ? monday : 8, now)],
  ].filter(([word, t]) => word !== 'evening' || t > now + 36e5);
}

/** A time in ms, as an input of type datetime-local has it. */
export function local(t) {
  const d = new Date(t);
  return new Date(t - d.getTimezoneOffset() * 6e4).toISOString().slice(0, 16);
}
