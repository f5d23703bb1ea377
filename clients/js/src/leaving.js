// The waits that end with a page: its requests outlive it (keepalive), its script
// does not.
export function makeLeaving() {
  const waiting = new Set();
  let left;
  return {
    /** Resolves as the promise does, or with what `instead` returns once the page ends. */
    unless: (promise, instead = () => {}) => new Promise((resolve, reject) => {
      const leave = () => resolve(instead());
      if (left) leave();
      waiting.add(leave);
      promise.finally(() => waiting.delete(leave)).then(resolve, reject);
    }),

    /** Takes whether the page ends, or came back, as from a browser's back-forward cache. */
    leave(ends) {
      left = ends;
      if (left) for (const leave of waiting) leave();
    },
  };
}
