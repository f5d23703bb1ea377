// The waits that end with a page: its requests outlive it (keepalive), its script
// does not.
export class Leaving {
  #left = false;
  #waiting = new Set();

  /** Resolves as the promise does, or with what `instead` returns once the page ends. */
  unless(promise, instead = () => {}) {
    return new Promise((resolve, reject) => {
      const leave = () => resolve(instead());
      if (this.#left) leave();
      this.#waiting.add(leave);
      promise.finally(() => this.#waiting.delete(leave)).then(resolve, reject);
    });
  }

  leave() {
    this.#left = true;
    for (const leave of this.#waiting) leave();
  }

  /** The page came back, as from a browser's back-forward cache. */
  stay() {
    this.#left = false;
  }
}
