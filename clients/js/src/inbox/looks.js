// Items are seen by looks: half of one on the screen for a moment, in a page that is
// looked at.
const dwell = 1000; // ms on the screen that make an item seen
const together = 300; // ms in which looks are one word to the server

/** tell gets the rows whose items were looked at and are not seen yet. */
export function makeLooks(tell) {
  const rows = new Map(); // by element
  const looked = new Set();
  let telling;
  const unseen = ({ element, item }) => rows.has(element) && !item.seen && !item.archived && !item.until;
  const watch = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const row = rows.get(target);
      clearTimeout(row?.dwell);
      if (!row || !isIntersecting || document.hidden) continue;
      row.dwell = setTimeout(() => {
        if (document.hidden || !unseen(row)) return;
        looked.add(row);
        telling ??= setTimeout(looks.send, together);
      }, dwell);
    }
  }, { threshold: 0.5 });
  const looks = {
    add(row) {
      rows.set(row.element, row);
      watch.observe(row.element);
    },

    remove(row) {
      clearTimeout(row.dwell);
      rows.delete(row.element);
      watch.unobserve(row.element);
    },

    /** Looks anew: a hidden page sees nothing. */
    again() {
      for (const element of rows.keys()) {
        watch.unobserve(element);
        watch.observe(element);
      }
    },

    send() {
      clearTimeout(telling);
      telling = undefined;
      const seen = [...looked].filter(unseen);
      looked.clear();
      if (seen.length) tell(seen);
    },
  };
  return looks;
}
