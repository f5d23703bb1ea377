// Waits that a machine's sleep does not lengthen, and that for a quiet moment.

const look = 2_000; // ms between two looks at the clock

/** Runs what can wait until the page has nothing better to do. */
export const idle = globalThis.requestIdleCallback ?? setTimeout;

/**
 * Runs `then` after ms of the browser's timers, which stand still while a machine
 * sleeps, or of its clock, which does not, whichever is first; a look late at most.
 * `then` is given true if the clock was. Returns what takes it back.
 */
export function after(ms, then) {
  const end = Date.now() + ms;
  const stop = () => {
    clearTimeout(timer);
    clearInterval(looks);
  };
  const done = (slept) => {
    stop();
    then(slept);
  };
  const timer = setTimeout(done, ms, false);
  const looks = setInterval(() => Date.now() < end || done(true), look);
  return stop;
}
