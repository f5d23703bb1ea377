// The connection of the tab that has one: the stream, or polls where streams
// are refused or blocked, and what brings them back.
import { EventStreamParser } from './events.js';
import { ProblemError } from './request.js';

const proofWithin = 10_000; // ms to the first frame: the server waits 2 s at most before it says something
const quietFor = 25_000; // ms without a byte after which a stream counts as dead: the server pings every 20 s
const firstRetry = 3_000; // ms, until the server has named another
const longestRetry = 60_000; // ms
const firstPoll = 15_000; // ms, likewise

/** Why a link rests: who is signed out asks again once a minute, or when woken. */
const refused = (error) => error instanceof ProblemError && (error.status === 401 || error.status === 403);
const unreachable = (error) => !(error instanceof ProblemError) && error.name !== 'SyntaxError';

export class Link {
  #sync;
  #tell; // (status, error) of the connection
  #post; // to the other tabs
  #failures = 0; // connections in a row that brought nothing
  #retry = firstRetry;
  #interval = firstPoll;
  #tag;
  #wake = () => {};
  #cut = () => {};

  constructor({ sync, tell, post }) {
    this.#sync = sync;
    this.#tell = tell;
    this.#post = post;
  }

  /** Tries at once what waits for its time. */
  wake() {
    this.#wake();
  }

  /** Gives up the stream: the network has gone. */
  cut() {
    this.#cut();
    this.#tell('offline');
  }

  /** Keeps the store up to date until signal aborts. */
  async run(signal) {
    while (!signal.aborted) {
      let wait;
      let error;
      let polls = false;
      try {
        await this.#sync.ensure();
        if (signal.aborted) return;
        const end = await this.#follow(signal);
        if (signal.aborted) return;
        if (end.reason === 'limit') polls = true;
        else if (!end.reason && !end.proven) throw new Error('The stream brought nothing.');
        wait = end.reason || !this.#failures ? this.#retry : this.#backoff();
        if (end.proven) this.#failures = 0;
        if (!polls) this.#tell('connecting');
      } catch (e) {
        if (signal.aborted) return;
        error = e;
        this.#failures += 1;
        wait = Math.max(this.#backoff(), e.retryAfter ?? 0);
        if (refused(e)) this.#tell('signed-out', e);
        else if (unreachable(e) || e.status >= 500 || e.status === 429) polls = true;
      }
      if (refused(error)) await this.#sleep(longestRetry * (1 + Math.random() / 2), signal);
      else if (polls) await this.#poll(wait, signal, error);
      else await this.#sleep(wait, signal);
    }
  }

  /** Polls until signal aborts: a tab that may not stream. */
  async poll(signal) {
    while (!signal.aborted) await this.#poll(longestRetry, signal);
  }

  // Polls for that many milliseconds.
  async #poll(ms, signal, cause) {
    const end = Date.now() + ms;
    for (let left = ms; left > 0 && !signal.aborted; left = end - Date.now()) {
      let wait = this.#interval;
      try {
        await this.badge(signal);
        this.#tell('polling', cause instanceof ProblemError ? cause : undefined);
      } catch (error) {
        if (signal.aborted) return;
        if (refused(error)) this.#tell('signed-out', error);
        else if (unreachable(error)) this.#tell('offline', error);
        else this.#tell('connecting', error);
        wait = Math.max(wait, error.retryAfter ?? 0);
      }
      // One wait is cut short by the end of all.
      if (await this.#sleep(Math.min(wait * (1 + Math.random() / 10), Math.max(left, 0)), signal)) return;
    }
  }

  /** Asks for the badge, and for the items if they are behind it. */
  async badge(signal) {
    const { store } = this.#sync;
    const init = { headers: this.#tag ? { 'If-None-Match': this.#tag } : {} };
    const response = await this.#sync.request('/unread', init);
    const seconds = Number(response.headers.get('X-Poll-Interval'));
    if (seconds > 0) this.#interval = seconds * 1000;
    if (response.status === 304 || signal?.aborted) return;
    this.#tag = response.headers.get('ETag');
    const badge = await response.json();
    const verdict = store.judge(badge.cursor, badge.version);
    const ahead = !verdict && this.#sync.count(badge);
    if (store.cursor && (verdict || ahead)) {
      await this.#sync.list(badge.version, verdict === 'decide');
      this.#post();
    }
  }

  // Reads one stream to its end.
  async #follow(signal) {
    const connection = new AbortController();
    const cut = () => connection.abort();
    this.#cut = cut;
    signal.addEventListener('abort', cut);
    let proven = false;
    let reason;
    let watchdog;
    const alive = () => {
      clearTimeout(watchdog);
      watchdog = setTimeout(cut, proven ? quietFor : proofWithin);
    };
    const parser = new EventStreamParser();
    let from = this.#sync.store.cursor;
    let frames = [];
    try {
      alive();
      const response = await this.#sync.request('/stream', {
        headers: { Accept: 'text/event-stream', 'Last-Event-ID': from },
        signal: connection.signal,
      });
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        const arrived = parser.push(value);
        this.#retry = parser.retry ?? this.#retry;
        for (const { event, data: text, id } of arrived) {
          const data = JSON.parse(text);
          if (event === 'bye') {
            reason = data.reason;
            continue;
          }
          proven = true;
          this.#failures = 0;
          this.#tell('live');
          if (event === 'ping') this.#post();
          else if (event === 'item' || event === 'state' || event === 'unread' || event === 'resync') frames.push({ event, data });
          if (event !== 'unread' && event !== 'resync') continue;
          const to = id ?? from;
          const batch = { frames, from, to };
          frames = [];
          from = to;
          this.#post({ type: 'batch', ...batch });
          clearTimeout(watchdog);
          if (!(await this.#sync.take(batch))) return { proven, reason };
        }
        // Only frames prove a stream; but any byte of one that was proven keeps it.
        if (arrived.length || proven) alive();
      }
    } catch (error) {
      if (!proven && !connection.signal.aborted) throw error;
      if (signal.aborted) throw error;
      if (error instanceof ProblemError) throw error;
    } finally {
      clearTimeout(watchdog);
      signal.removeEventListener('abort', cut);
      this.#cut = () => {};
      connection.abort();
    }
    return { proven, reason };
  }

  // ms to wait after that many failures in a row. Never less than the server
  // asked for, and jittered, so that the clients of one server do not come back as one.
  #backoff() {
    const n = Math.min(Math.max(this.#failures - 1, 0), 10);
    return Math.max(this.#retry, Math.min(longestRetry, this.#retry * 2 ** n)) * (1 + Math.random() / 2);
  }

  // Resolves with whether it was woken.
  #sleep(ms, signal) {
    return new Promise((resolve) => {
      const done = (woken) => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve(woken === true);
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done);
      this.#wake = () => done(true);
    });
  }
}
