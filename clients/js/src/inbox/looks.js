// Items are seen by looks: half of one on the screen for a moment, in a page that is
// looked at.
const dwell = 1000; // ms on the screen that make an item seen
const together = 300; // ms in which looks are one word to the server

export class Looks {
  #watch;
  #rows = new Map(); // by element
  #looked = new Set();
  #telling;
  #tell;

  /** tell gets the rows whose items were looked at and are not seen yet. */
  constructor(tell) {
    this.#tell = tell;
    this.#watch = new IntersectionObserver((entries) => entries.forEach((e) => this.#onScreen(e)), { threshold: 0.5 });
  }

  add(row) {
    this.#rows.set(row.element, row);
    this.#watch.observe(row.element);
  }

  remove(row) {
    clearTimeout(row.dwell);
    this.#rows.delete(row.element);
    this.#watch.unobserve(row.element);
  }

  /** Looks anew: a hidden page sees nothing. */
  again() {
    for (const element of this.#rows.keys()) {
      this.#watch.unobserve(element);
      this.#watch.observe(element);
    }
  }

  #onScreen({ target, isIntersecting }) {
    const row = this.#rows.get(target);
    if (!row) return;
    clearTimeout(row.dwell);
    if (!isIntersecting || document.hidden) return;
    row.dwell = setTimeout(() => {
      if (document.hidden || row.item.seen || row.item.archived || row.item.until) return;
      this.#looked.add(row);
      this.#telling ??= setTimeout(this.send, together);
    }, dwell);
  }

  send = () => {
    clearTimeout(this.#telling);
    this.#telling = undefined;
    const rows = [...this.#looked].filter((row) => this.#rows.has(row.element) && row.item.seen === false);
    this.#looked.clear();
    if (rows.length) this.#tell(rows);
  };
}
