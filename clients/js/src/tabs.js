// Which of a browser's tabs has the connection, and how the others hear of what
// it brings. Where there are Web Locks one tab leads; on plain http that is not
// loopback there are none: the visible tab has a stream of its own, hidden ones poll.

const quietFor = 30_000; // ms without a word from the leader, after which it counts as frozen

/**
 * name: of lock and channel. lead and poll keep the store up to date until
 * their signal aborts. hear takes the messages of other tabs.
 */
export function makeTabs({ name, lead, poll, hear }) {
  const { document, navigator, BroadcastChannel } = globalThis;
  let channel;
  let turn; // AbortController of the connection, while leading
  let waiting; // that of the request for the lock
  let quiet;

  const run = (work) => {
    turn = new AbortController();
    return work(turn.signal);
  };

  const look = () => {
    turn?.abort();
    tabs.leading = true;
    run(document?.hidden ? poll : lead);
  };

  const listen = () => {
    clearTimeout(quiet);
    quiet = setTimeout(() => queue(true), quietFor * (1 + Math.random() / 10));
  };

  // Waits for the lock, or takes it from a leader that says nothing.
  const queue = (steal) => {
    waiting?.abort();
    const { signal } = (waiting = new AbortController());
    listen();
    navigator.locks
      .request(name, steal ? { steal } : { signal }, () => {
        if (signal.aborted) return undefined;
        tabs.leading = true;
        clearTimeout(quiet);
        return run(lead);
      })
      .catch(() => {}) // taken away, or no longer wanted
      .then(() => {
        if (signal !== waiting?.signal) return;
        turn?.abort();
        tabs.leading = false;
        queue();
      });
  };

  const tabs = {
    /** Whether this tab has a connection of its own to keep, rather than to listen. */
    leading: false,

    start() {
      if (turn || waiting) return;
      if (!document || !navigator?.locks || !BroadcastChannel) {
        document?.addEventListener('visibilitychange', look);
        look();
        return;
      }
      channel = new BroadcastChannel(name);
      channel.onmessage = ({ data }) => {
        if (!tabs.leading) listen();
        hear(data);
      };
      tabs.post({ type: 'hello' });
      queue();
    },

    stop() {
      document?.removeEventListener('visibilitychange', look);
      clearTimeout(quiet);
      waiting?.abort();
      turn?.abort();
      channel?.close();
      turn = waiting = channel = undefined;
      tabs.leading = false;
    },

    post(message) {
      channel?.postMessage(message);
    },
  };
  return tabs;
}
