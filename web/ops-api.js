// How the ops page talks to its server.
import { EventStreamParser, ProblemError } from './belfry.js';

const tokenKey = 'belfry.ops-token'; // in sessionStorage, which ends with the tab

export const token = {
  get: () => sessionStorage.getItem(tokenKey) ?? '',
  set: (value) => (value ? sessionStorage.setItem(tokenKey, value) : sessionStorage.removeItem(tokenKey)),
};

/** Asks for a path below /v1/ops; a body makes it a POST of JSON. */
export async function ask(path, { body, ...init } = {}) {
  const headers = { Accept: 'application/json', ...init.headers };
  if (token.get()) headers.Authorization = `Bearer ${token.get()}`;
  if (body !== undefined) {
    headers['Content-Type'] = 'application/json';
    init = { method: 'POST', body: JSON.stringify(body), ...init };
  }
  const response = await fetch(`/v1/ops${path}`, { cache: 'no-store', ...init, headers });
  if (response.ok) return response;
  throw new ProblemError(response.status, await response.json().catch(() => ({})));
}

// Whether asking again cannot help before something else has changed.
const isFinal = (status) => status >= 400 && status < 500 && status !== 408 && status !== 429;

const watchdogAfter = 20_000; // ms without a word; overviews come every 1.5 s
const firstRetry = 3_000; // ms, until the server has named another
const longestRetry = 60_000; // ms

/**
 * The stream of overviews. Calls show(overview), and tell(status, error) with
 * connecting, live, waiting or refused.
 */
export class Overviews {
  #run;
  #retry = firstRetry;

  constructor(show, tell) {
    this.show = show;
    this.tell = tell;
  }

  start() {
    this.stop();
    this.#run = new AbortController();
    this.#loop(this.#run.signal);
  }

  stop() {
    this.#run?.abort();
    this.#run = undefined;
  }

  async #loop(signal) {
    for (let failures = 0; !signal.aborted; ) {
      this.tell('connecting');
      try {
        const reason = await this.#follow(signal, () => { failures = 0; });
        if (reason === 'expired') throw new ProblemError(401, { detail: 'the token has expired' });
        failures = reason ? 0 : failures + 1;
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof ProblemError && isFinal(error.status)) {
          this.tell('refused', error);
          return;
        }
        failures += 1;
      }
      if (signal.aborted) return;
      this.tell('waiting');
      // Jittered, so that the viewers of one server do not come back as one.
      const wait = Math.min(longestRetry, this.#retry * 2 ** Math.min(failures, 5)) * (1 + Math.random() / 2);
      await new Promise((done) => {
        const timer = setTimeout(done, wait);
        signal.addEventListener('abort', () => { clearTimeout(timer); done(); });
      });
    }
  }

  async #follow(signal, proven) {
    const connection = new AbortController();
    const abort = () => connection.abort();
    signal.addEventListener('abort', abort);
    let watchdog;
    const alive = () => {
      clearTimeout(watchdog);
      watchdog = setTimeout(abort, watchdogAfter);
    };
    const parser = new EventStreamParser();
    try {
      alive();
      const response = await ask('/stream', { headers: { Accept: 'text/event-stream' }, signal: connection.signal });
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let reason;
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return reason;
        alive();
        for (const frame of parser.push(value)) {
          const data = JSON.parse(frame.data);
          if (frame.event === 'bye') reason = data.reason;
          if (frame.event !== 'overview') continue;
          proven();
          this.tell('live');
          this.show(data);
        }
        this.#retry = parser.retry ?? this.#retry;
      }
    } finally {
      clearTimeout(watchdog);
      signal.removeEventListener('abort', abort);
      connection.abort();
    }
  }
}
