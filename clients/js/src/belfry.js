import { idle } from './clock.js';
import { requester } from './request.js';
import { makeSync } from './sync.js';
import { makeLink } from './link.js';
import { makeList } from './list.js';
import { makeTabs } from './tabs.js';
import { makeLeaving } from './leaving.js';
import { stampOf } from './store.js';
import { watched } from './watched.js';

/** One user's inbox. See belfry.d.ts. */
export class Belfry {
  constructor(options) {
    const heldFor = 5_000; // ms in which an action that is held can be taken back
    const { url = '', user, language = '', pageSize } = options;
    const base = new URL(`${url.replace(/\/$/, '')}/v1/users/${encodeURIComponent(user)}`, globalThis.location ?? 'http://localhost');
    const client = this;
    const [set, leave] = watched(client, { status: 'connecting', cursor: '', counts: null, features: [], mutes: null, error: null });
    const lists = new Set();
    const held = new Set(); // of what is held: each takes whether to send it
    const leaving = makeLeaving();
    let heard = Promise.resolve();
    let holding;

    const changed = (untold) => {
      if (untold) askMutes();
      const { counts: was } = client.state;
      const counts = sync.counts();
      const { cursor, features } = store;
      set({ cursor, features, counts: JSON.stringify(counts) === JSON.stringify(was) ? was : counts });
      for (const list of lists) list.update();
    };

    const sync = makeSync({ request: requester(base, options, leaving), pageSize, changed, leaving });
    const { store } = sync;

    // Reports whether the status is another one.
    const tell = (status, error) => {
      const same = status === client.state.status;
      if (status === 'live' && !same) for (const list of lists) list.retry();
      set({ status, error: error ?? (same ? client.state.error : null) });
      return !same;
    };
    const fail = (error) => tell(client.state.status, error);

    // Tells the other tabs where this one stands, or what it was sent.
    const post = (message) => {
      const { cursor, stamp } = store;
      tabs.post(message ?? { leading: tabs.leading, status: client.state.status, cursor, stamp });
    };

    const link = makeLink({
      sync,
      tell: (status, error) => tell(status, error) && post(),
      post,
    });

    const follow = (message) => {
      if (message.frames) return sync.receive(message);
      if (message.leading) tell(message.status);
      // A stream of one's own brings what is missing.
      return tabs.leading && client.state.status === 'live' ? undefined : sync.reach(message.cursor, message.stamp);
    };

    const tabs = makeTabs({
      name: `belfry ${base} ${language}`,
      lead: link.run,
      poll: link.poll,
      hear(message) {
        if (message.type === 'hello') {
          if (tabs.leading) post();
        } else if (message.type === 'wake') link.wake();
        // In turn: what follows from one may be a list, which the next one builds on.
        else heard = heard.then(() => follow(message)).catch(fail);
      },
    });

    const act = async (name, { until, ...body }, waits) => {
      try {
        // A snooze ends at a time, however the page says it.
        const badge = await sync.act(name === 'remove' ? 'delete' : name, { ...body, until: until && new Date(until) }, waits);
        if (badge && client.state.status !== 'live' && (await sync.reach(badge.cursor, stampOf(badge)))) post();
        if (/mute/.test(name)) await askMutes();
      } catch (error) {
        fail(error);
        throw error;
      }
    };

    // Some tab or device may have muted something: asked for once anybody here wants to know.
    const askMutes = () => client.state.mutes && client.mutes().catch(() => {});

    const send = () => {
      clearTimeout(holding);
      for (const decide of held) decide(true);
      held.clear();
    };

    for (const name of ['seen', 'read', 'unread', 'archive', 'unarchive', 'snooze', 'unsnooze', 'mute', 'unmute', 'remove']) client[name] = (body) => act(name, body);
    // These wait for their file.
    for (const name of ['markAll', 'mutes', 'preferences', 'device']) {
      client[name] = (...args) => {
        const inner = { act, client, options, set, sync, up_to: store.version };
        return sync.prepare().then((acting) => acting[name](inner, ...args));
      };
    }

    Object.assign(client, {
      user,

      list(filter) {
        const list = makeList(sync, filter, (left) => lists.delete(left));
        lists.add(list);
        idle(() => sync.prepare().catch(() => {})); // somebody may act on it
        return list;
      },

      /**
       * Shows an action, and sends it with what else is held five seconds after the
       * last of them, or when the page ends. Until then undo() takes it back.
       */
      hold(action, body) {
        clearTimeout(holding);
        holding = setTimeout(send, heldFor);
        let decide;
        const waits = new Promise((resolve) => (decide = resolve));
        held.add(decide);
        return {
          done: act(action, body, waits),
          undo: () => held.delete(decide) && (decide(false), true),
        };
      },

      /** Tries at once what waits for its time. */
      reconnect() {
        link.wake();
        tabs.post({ type: 'wake' });
      },

      close() {
        send();
        tabs.stop();
        ended.abort();
        for (const list of lists) list.close();
        leave();
      },
    });

    const ended = new AbortController();
    for (const [name, run] of Object.entries({
      online: client.reconnect,
      offline: link.cut,
      pagehide() {
        leaving.leave(true);
        send();
        tabs.stop();
      },
      pageshow() {
        leaving.leave(false);
        tabs.start();
      },
    })) globalThis.addEventListener?.(name, run, { signal: ended.signal });

    // Nothing is loaded on a device that was never subscribed.
    const keep = async () => {
      const all = await globalThis.navigator?.serviceWorker?.getRegistrations();
      if (all?.some(({ scope }) => scope.includes('/belfry-push/'))) await (await client.device()).keep();
    };

    link.reach().catch(() => {}); // painted before the stream is there
    sync.ensure().catch(() => {});
    tabs.start();
    keep().catch(() => {});
  }
}
