// The connection of the tab that has one: the stream, or polls where streams
// are refused or blocked, and what brings them back.
import { after } from './clock.js';
import { EventStreamParser } from './events.js';
import { seconds } from './request.js';
import { stampOf } from './store.js';

/** Why a link rests: who is signed out asks again once a minute, or when woken. */
const refused = (error) => error?.status === 401 || error?.status === 403;
const unreachable = (error) => !error.status && error.name !== 'SyntaxError';

/** tell takes (status, error) of the connection, post a message to the other tabs. */
export function makeLink({ sync, tell, post }) {
  const proofWithin = 10_000; // ms to the first frame: the server waits 2 s at most before it says something
  const quietFor = 25_000; // ms without a byte after which a stream counts as dead: the server pings every 20 s
  const firstRetry = 3_000; // ms, until the server has named another
  const longestRetry = 60_000; // ms
  const firstPoll = 15_000; // ms, likewise
  const { store } = sync;
  let failures = 0; // connections in a row that brought nothing
  let retry = firstRetry;
  let interval = firstPoll;
  let tag;
  let wake = () => {};
  let cut = wake;

  // ms to wait after that many failures in a row. Never less than the server
  // asked for, and jittered, so that the clients of one server do not come back as one.
  const backoff = () => Math.max(retry, Math.min(longestRetry, retry * 2 ** Math.max(failures - 1, 0))) * (1 + Math.random() / 2);

  // Resolves with whether it was woken.
  const sleep = (ms, signal) => new Promise((resolve) => {
    const done = (woken) => {
      stop();
      signal.removeEventListener('abort', done);
      resolve(woken === true);
    };
    const stop = after(ms, () => done());
    signal.addEventListener('abort', done);
    wake = () => done(true);
  });

  // Polls for that many milliseconds.
  const pollFor = async (ms, signal, cause) => {
    const end = Date.now() + ms;
    for (let left = ms; left > 0 && !signal.aborted; left = end - Date.now()) {
      let wait = interval;
      try {
        await reach(signal);
        tell('polling', cause?.status && cause);
      } catch (error) {
        if (signal.aborted) return;
        tell(refused(error) ? 'signed-out' : unreachable(error) ? 'offline' : 'connecting', error);
        wait = Math.max(wait, error.retryAfter ?? 0);
      }
      // One wait is cut short by the end of all.
      if (await sleep(Math.min(wait * (1 + Math.random() / 10), left), signal)) return;
    }
  };

  /** Asks for the badge, and for the items if they are behind it. */
  const reach = async (signal) => {
    const response = await sync.request('/unread', tag && { headers: { 'If-None-Match': tag } });
    interval = seconds(response, 'X-Poll-Interval') || interval;
    if (response.status === 304 || signal?.aborted) return;
    tag = response.headers.get('ETag');
    const counts = sync.count(await response.json());
    if (store.cursor && (await sync.reach(counts.cursor, stampOf(counts)))) post();
  };

  // Reads one stream to its end.
  const follow = async (signal) => {
    const connection = new AbortController();
    const end = {}; // {proven, reason, slept}
    let calm = () => {}; // ends the watch for silence
    let frames = [];
    let from = store.cursor;
    const parser = new EventStreamParser();
    const alive = () => {
      calm();
      calm = after(end.proven ? quietFor : proofWithin, (slept) => {
        end.slept = slept;
        connection.abort();
      });
    };
    cut = () => connection.abort();
    signal.addEventListener('abort', cut, { signal: connection.signal });
    try {
      alive();
      const response = await sync.request('/stream', {
        headers: { Accept: 'text/event-stream', 'Last-Event-ID': from }, signal: connection.signal,
      });
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let read; !(read = await reader.read()).done; ) {
        const arrived = parser.push(read.value);
        retry = parser.retry ?? retry;
        for (const { event, data: text, id } of arrived) {
          const data = JSON.parse(text);
          if (event === 'bye') {
            end.reason = data.reason;
            continue;
          }
          end.proven = true;
          failures = 0;
          tell('live');
          if (event === 'ping') post();
          else frames.push({ event, data });
          if (event !== 'unread' && event !== 'resync') continue;
          const batch = { frames, from, to: id ?? from };
          frames = [];
          from = batch.to;
          post(batch);
          calm();
          if (!(await sync.take(batch))) return end;
        }
        // Only frames prove a stream; but any byte of one that was proven keeps it.
        if (arrived.length || end.proven) alive();
      }
    } catch (error) {
      if (error.status || signal.aborted || (!end.proven && !connection.signal.aborted)) throw error;
    } finally {
      calm();
      connection.abort();
    }
    return end;
  };

  return {
    /** Keeps the store up to date until signal aborts. */
    async run(signal) {
      while (!signal.aborted) {
        let wait;
        let error;
        let polls;
        try {
          await sync.ensure();
          if (signal.aborted) return;
          const { proven, reason, slept } = await follow(signal);
          if (signal.aborted) return;
          polls = reason === 'limit';
          if (!reason && !proven && !slept) throw new Error('The stream was empty.');
          // Nobody else woke up with this machine; all others come back spread.
          wait = slept ? 0 : reason ? retry : backoff();
          if (!polls) tell('connecting');
        } catch (e) {
          if (signal.aborted) return;
          error = e;
          failures++;
          wait = Math.max(backoff(), e.retryAfter ?? 0);
          polls = unreachable(e) || e.status >= 500 || e.status === 429;
          if (refused(e)) {
            tell('signed-out', e);
            wait = longestRetry * (1 + Math.random() / 2);
          }
        }
        if (polls) await pollFor(wait, signal, error);
        else await sleep(wait, signal);
      }
    },

    /** Polls until signal aborts: a tab that may not stream. */
    async poll(signal) {
      while (!signal.aborted) await pollFor(longestRetry, signal);
    },

    reach,

    /** Tries at once what waits for its time. */
    wake: () => wake(),

    /** Gives up the stream: the network has gone. */
    cut() {
      cut();
      tell('offline');
    },
  };
}
