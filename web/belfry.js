// The client of Belfry: one user's inbox, listed once and then followed live.
//
//   import { Inbox } from './belfry.js';
//   const inbox = new Inbox({ user: 'user-7', token: () => myToken });
//   inbox.addEventListener('change', () => show(inbox.items, inbox.unread));
//   inbox.start();
//
// It reads the stream with fetch() and not with EventSource, which can send no
// Authorization header.

const watchdogAfter = 60_000; // ms without a frame; the server pings every 20 s
const longestBackoff = 60_000; // ms
const firstRetry = 3_000; // ms, until the server has named another
const pageSize = 100; // items a request, the most there may be
const behindLists = 2; // refused as ahead of the server, until a list asks without a version

// A place in a log: the log's epoch, compared for equality only, and a version,
// which rises over a change of the epoch too.
function place(cursor, version) {
  const [epoch, at] = cursor.split('.');
  return { epoch, version: version ?? Number(at) };
}

/**
 * Parses an event stream as WHATWG HTML section 9.2.6 says, from pieces of text
 * that may end anywhere.
 */
export class EventStreamParser {
  /** The last `retry:` in milliseconds, undefined until there was one. */
  retry;

  #rest = '';
  #skipNewline = false;
  #event = '';
  #data = [];
  #id;

  /**
   * Returns the frames that text completes: `{event, data, id}`, where id is
   * undefined for a frame that carries none.
   */
  push(text) {
    if (text === '') return [];
    if (this.#skipNewline && text[0] === '\n') text = text.slice(1);
    const lines = (this.#rest + text).split(/\r\n|\n|\r/);
    this.#rest = lines.pop();
    // The other half of a line end may be at the start of the next piece.
    this.#skipNewline = text.endsWith('\r');
    const frames = [];
    for (const line of lines) {
      const frame = this.#line(line);
      if (frame) frames.push(frame);
    }
    return frames;
  }

  #line(line) {
    if (line === '') return this.#dispatch();
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? '' : line.slice(colon + 1);
    if (value.startsWith(' ')) value = value.slice(1);
    switch (field) {
      case 'event':
        this.#event = value;
        break;
      case 'data':
        this.#data.push(value);
        break;
      case 'id':
        if (!value.includes('\0')) this.#id = value;
        break;
      case 'retry':
        if (/^[0-9]+$/.test(value)) this.retry = Number(value);
        break;
    }
    return undefined;
  }

  #dispatch() {
    const frame = { event: this.#event || 'message', data: this.#data.join('\n'), id: this.#id };
    const empty = this.#data.length === 0;
    this.#event = '';
    this.#data = [];
    this.#id = undefined;
    return empty ? undefined : frame;
  }
}

/** An answer other than 2xx. `status` and `field` are those of the problem. */
export class ProblemError extends Error {
  constructor(status, problem, retryAfter) {
    super(problem.detail || problem.title || `HTTP ${status}`);
    this.name = 'ProblemError';
    this.status = status;
    this.field = problem.field;
    this.retryAfter = retryAfter; // ms, or undefined
  }

  /** Whether asking again cannot help before something else has changed. */
  get final() {
    return this.status >= 400 && this.status < 500 && this.status !== 408 && this.status !== 429;
  }
}

/**
 * One user's inbox. Events:
 * - `change`: `items`, `unread` or `next` changed; they belong together.
 * - `status`: `status` changed.
 */
export class Inbox extends EventTarget {
  /**
   * The badge: `{user, version, cursor, unread, unseen, urgent, categories}`,
   * of which a list has only the first four. Undefined before the first list.
   */
  unread;

  /** What the page of older items is asked for with, if there are any: see older(). */
  next;

  /**
   * `stopped`, `connecting`, `live`, `waiting` (until the next attempt) or
   * `refused` (will not try again; `error` says why).
   */
  status = 'stopped';

  /** The last ProblemError or other error, undefined while live. */
  error;

  #options;
  #items = new Map(); // by seq
  #listed; // the version of the list, and the last seq on it unless it was the whole
  #removed = new Map(); // seq to the version at which it was gone
  #cursor; // everything up to it is known; undefined asks for a list
  #known; // the newest place that the server has shown; undefined if any list will do
  #behind = 0; // lists in a row that were refused since no server was at #known
  #retry = firstRetry;
  #run; // AbortController of the running loop
  #wake = () => {};

  /**
   * user: whose inbox. token: a bearer token, or a function that returns one
   * (or a promise of one) and is asked for each request; none if absent. base:
   * where the API is, by default the page's own origin. watchdog: ms without a
   * frame after which a connection counts as dead.
   */
  constructor({ user, token = '', base = '', watchdog = watchdogAfter }) {
    super();
    this.#options = {
      token: typeof token === 'function' ? token : () => token,
      url: `${base}/v1/users/${encodeURIComponent(user)}`,
      watchdog,
    };
    this.user = user;
  }

  /** The items that are not archived, newest first. They must not be changed. */
  get items() {
    return [...this.#items.values()].sort((a, b) => b.seq - a.seq);
  }

  /** Lists and then follows until stop(). */
  start() {
    if (this.#run) return;
    const run = new AbortController();
    this.#run = run;
    this.#loop(run.signal).catch((error) => {
      if (!run.signal.aborted) this.#refuse(error);
    });
  }

  /** Ends the stream. What is known stays. */
  stop() {
    this.#run?.abort();
    this.#run = undefined;
    this.#setStatus('stopped');
  }

  /** Tries at once if the next attempt is still to come. */
  wake() {
    this.#wake();
  }

  /**
   * Sends a command: seen, read, unread, archive, unarchive or delete, with
   * `{seqs: [...]}` or `{up_to: version, category}`. For `up_to` give the
   * `unread.version` that came with the items on the screen: what arrived, or
   * left the archive, since then stays as it is. Resolves once the server has
   * it; the items change when the stream says so, so that they and the badge
   * always agree.
   */
  async act(action, body) {
    await this.#request(`/inbox/${action}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
    this.wake();
  }

  /** Fetches the page of items before `next`. */
  async older() {
    if (!this.next) return;
    const known = this.#known;
    const query = `&before=${encodeURIComponent(this.next)}&min_version=${known.version}`;
    const page = await this.#page(query, this.#run?.signal);
    // Of another log, or of a list that was replaced meanwhile: the stream sees to it.
    if (place(page.cursor).epoch !== known.epoch || this.#known?.epoch !== known.epoch) return;
    for (const item of page.items) this.#put(item);
    this.next = page.next;
    this.#emit('change');
  }

  async #loop(signal) {
    let failures = 0;
    while (!signal.aborted) {
      let wait;
      try {
        this.#setStatus('connecting');
        const token = await this.#options.token();
        if (this.#cursor === undefined) await this.#list(signal);
        const reason = await this.#follow(signal, () => {
          failures = 0;
        });
        if (reason === 'expired' && (await this.#options.token()) === token) {
          throw new ProblemError(401, { detail: 'the token has expired' });
        }
        // The server has said when to come back; who is cut off has no such word.
        failures = reason ? 0 : failures + 1;
        wait = this.#backoff(failures);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof ProblemError && error.final) {
          this.#refuse(error);
          return;
        }
        this.error = error;
        failures += 1;
        wait = Math.max(this.#backoff(failures), error.retryAfter ?? 0);
      }
      if (signal.aborted) return;
      this.#setStatus('waiting');
      await this.#sleep(wait, signal);
    }
  }

  // ms to wait after that many failures in a row. Never less than the server
  // asked for, and jittered, so that the clients of one server do not come back
  // as one.
  #backoff(failures) {
    if (failures === 0) return this.#retry;
    const longest = Math.max(longestBackoff, this.#retry);
    return Math.min(longest, this.#retry * 2 ** Math.min(failures - 1, 10)) * (1 + Math.random() / 2);
  }

  // Replaces all items by the newest page of the list.
  async #list(signal) {
    const known = this.#known;
    const bare = !known || this.#behind >= behindLists;
    let page;
    try {
      page = await this.#page(bare ? '' : `&min_version=${known.version}`, signal);
    } catch (error) {
      if (error.status === 503) this.#behind += 1;
      throw error;
    }
    const { user, version, cursor, unread } = page;
    const listed = place(cursor, version);
    // What is shown never goes back, but to a log that began anew.
    if (known && listed.epoch === known.epoch && version < known.version) throw new Error('The server is behind.');
    this.#behind = 0;
    this.#known = listed;
    this.#items.clear();
    this.#removed.clear();
    for (const item of page.items) this.#put(item);
    this.next = page.next;
    this.#cursor = cursor;
    this.#listed = { version, last: page.next ? page.items.at(-1).seq : 0 };
    this.unread = { user, version, cursor, unread };
    this.#emit('change');
  }

  // Lists again since the server is at another place, and reports whether the
  // stream that said so can go on from there. Of another log a higher version
  // goes on from ours; a lower one is that of a log that began anew, and then
  // the next list is right whatever it says.
  async #relist(at, signal) {
    const { epoch, version } = this.#known;
    if (at.epoch === epoch) this.#known = { epoch, version: Math.max(version, at.version) };
    else this.#known = at.version > version ? at : undefined;
    this.#cursor = undefined;
    await this.#list(signal);
    return this.#known.epoch === at.epoch && this.#known.version >= at.version;
  }

  async #page(query, signal) {
    const response = await this.#request(`/inbox?status=all&limit=${pageSize}${query}`, { signal });
    return response.json();
  }

  // Reads one stream to its end and returns the reason that bye gave, or
  // undefined for an end without bye. Calls proven at each frame but bye: until
  // then the connection may be one that something in between cuts off at once.
  async #follow(signal, proven) {
    const connection = new AbortController();
    const abort = () => connection.abort();
    signal.addEventListener('abort', abort);
    let watchdog;
    const alive = () => {
      clearTimeout(watchdog);
      watchdog = setTimeout(abort, this.#options.watchdog);
    };
    const parser = new EventStreamParser();
    let reason;
    try {
      alive();
      const response = await this.#request('/stream', {
        headers: { Accept: 'text/event-stream', 'Last-Event-ID': this.#cursor },
        signal: connection.signal,
      });
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return reason;
        alive();
        // There may be nothing to tell for a while, so any piece will do.
        this.#setStatus('live');
        const frames = parser.push(value);
        this.#retry = parser.retry ?? this.#retry;
        for (const frame of frames) {
          const data = JSON.parse(frame.data);
          if (frame.event === 'bye') reason = data.reason;
          else proven();
          if (!(await this.#apply(frame, data, signal))) return reason;
        }
      }
    } finally {
      clearTimeout(watchdog);
      signal.removeEventListener('abort', abort);
      connection.abort();
    }
  }

  // Takes a frame and reports whether the stream can go on.
  async #apply(frame, data, signal) {
    switch (frame.event) {
      case 'item':
        // A server that is behind the one of the list may tell of what the list
        // has no more.
        if (this.#items.has(data.seq) || data.version >= this.#listed.version || data.seq < this.#listed.last) this.#put(data);
        break;
      case 'state':
        this.#patch(data);
        break;
      case 'unread': {
        // The last frame of a batch: now all of it can be shown.
        const at = place(data.cursor, data.version);
        if (at.epoch !== this.#known.epoch && this.#known.version > 0) return this.#relist(at, signal);
        if (at.version >= this.unread.version) {
          this.unread = data;
          this.#known = at;
        }
        this.#emit('change');
        break;
      }
      case 'resync':
        // The frame's id holds only with the list that it asks for. Without
        // that list, the next connection begins with one.
        return this.#relist(place(frame.id, data.version), signal);
    }
    if (frame.id) this.#cursor = frame.id;
    return true;
  }

  // Takes an item unless something newer is known. Content and flags are taken
  // apart: the content of a pending item may come after its flags changed.
  #put(item) {
    if ((this.#removed.get(item.seq) ?? 0) >= item.version) return;
    if (item.replaces) this.#remove(item.replaces, item.version);
    if (item.archived) {
      this.#remove(item.seq, item.version);
      return;
    }
    const known = this.#items.get(item.seq);
    if (known && known.version > item.version) {
      if (!known.pending || item.pending) return;
      const { version, read, seen } = known;
      item = { ...item, version, read, seen };
    } else if (known && !known.pending && item.pending) {
      const { version, read, seen } = item;
      item = { ...known, version, read, seen };
    }
    this.#items.set(item.seq, item);
  }

  #patch(state) {
    const flags = (seqs, read) => {
      for (const seq of seqs) {
        const item = this.#items.get(seq);
        if (!item || item.version > state.version) continue;
        const seen = read || state.seen.includes(seq);
        this.#items.set(seq, { ...item, read, seen, version: state.version });
      }
    };
    flags(state.read, true);
    flags(state.unread, false);
    for (const seq of [...state.archived, ...state.removed]) this.#remove(seq, state.version);
  }

  #remove(seq, version) {
    const item = this.#items.get(seq);
    if (item && item.version > version) return;
    this.#items.delete(seq);
    this.#removed.set(seq, Math.max(version, this.#removed.get(seq) ?? 0));
  }

  async #request(path, init = {}) {
    const token = await this.#options.token();
    const headers = { Accept: 'application/json', ...init.headers };
    if (token) headers.Authorization = `Bearer ${token}`;
    const response = await fetch(this.#options.url + path, { cache: 'no-store', ...init, headers });
    if (response.ok) return response;
    const seconds = Number(response.headers.get('Retry-After'));
    const problem = await response.json().catch(() => ({}));
    throw new ProblemError(response.status, problem, seconds > 0 ? seconds * 1000 : undefined);
  }

  #sleep(ms, signal) {
    return new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      function done() {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      }
      signal.addEventListener('abort', done);
      this.#wake = done;
    });
  }

  #refuse(error) {
    this.#run = undefined;
    this.error = error;
    this.#setStatus('refused');
  }

  #setStatus(status) {
    if (status === 'live') this.error = undefined;
    if (this.status === status) return;
    this.status = status;
    this.#emit('status');
  }

  #emit(type) {
    this.dispatchEvent(new Event(type));
  }
}
