// Which of a browser's tabs has the connection, and how the others hear of what
// it brings. Where there are Web Locks one tab leads; on plain http that is not
// loopback there are none: the visible tab has a stream of its own, hidden ones poll.

const quietFor = 30_000; // ms without a word from the leader, after which it counts as frozen

export class Tabs {
  /** Whether this tab has a connection of its own to keep, rather than to listen. */
  leading = false;

  #name;
  #lead;
  #poll;
  #hear;
  #channel;
  #turn; // AbortController of the connection, while leading
  #waiting; // that of the request for the lock
  #quiet;

  /**
   * name: of lock and channel. lead and poll keep the store up to date until
   * their signal aborts. hear takes the messages of other tabs.
   */
  constructor({ name, lead, poll, hear }) {
    this.#name = name;
    this.#lead = lead;
    this.#poll = poll;
    this.#hear = hear;
  }

  start = () => {
    if (this.#turn || this.#waiting) return;
    const { document, navigator, BroadcastChannel } = globalThis;
    if (!document || !navigator?.locks || !BroadcastChannel) {
      document?.addEventListener('visibilitychange', this.#look);
      this.#look();
      return;
    }
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = ({ data }) => {
      if (!this.leading) this.#listen();
      this.#hear(data);
    };
    this.post({ type: 'hello' });
    this.#queue();
  };

  stop = () => {
    globalThis.document?.removeEventListener('visibilitychange', this.#look);
    clearTimeout(this.#quiet);
    this.#waiting?.abort();
    this.#turn?.abort();
    this.#channel?.close();
    this.#turn = this.#waiting = this.#channel = undefined;
    this.leading = false;
  };

  post(message) {
    this.#channel?.postMessage(message);
  }

  #look = () => {
    const hidden = globalThis.document?.visibilityState === 'hidden';
    this.#turn?.abort();
    this.leading = true;
    this.#run(hidden ? this.#poll : this.#lead);
  };

  #run(work) {
    this.#turn = new AbortController();
    return work(this.#turn.signal);
  }

  // Waits for the lock, or takes it from a leader that says nothing.
  #queue(steal) {
    const waiting = new AbortController();
    this.#waiting?.abort();
    this.#waiting = waiting;
    this.#listen();
    globalThis.navigator.locks
      .request(this.#name, steal ? { steal } : { signal: waiting.signal }, async () => {
        if (waiting.signal.aborted) return;
        this.leading = true;
        clearTimeout(this.#quiet);
        await this.#run(this.#lead);
      })
      .catch(() => {}) // taken away, or no longer wanted
      .then(() => {
        if (waiting !== this.#waiting) return;
        this.#turn?.abort();
        this.leading = false;
        this.#queue();
      });
  }

  #listen() {
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => this.#queue(true), quietFor * (1 + Math.random() / 10));
  }
}
