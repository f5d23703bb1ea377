// This browser as a place that notifications come to while no page is open: its
// service worker, its permission and its subscription. It is loaded when it is needed.

const day = 864e5; // ms

/** Where the worker is: beside the API if that is of the page's own origin. */
const workerOf = (url, worker) => {
  const page = globalThis.location.href;
  const api = new URL(`${url.replace(/\/$/, '')}/belfry-sw.js`, page);
  return new URL(worker ?? (api.origin === new URL(page).origin ? api : '/belfry-sw.js'), page);
};

const hex = (text) => [...new TextEncoder().encode(text)].map((b) => b.toString(16).padStart(2, '0')).join('');

const bytes = (key) => Uint8Array.from(atob(key.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));

const same = (a, b) => a.length === b.length && a.every((x, i) => x === b[i]);

let policy;

/** An address for a page that takes only trusted ones ("trusted-types belfry"). */
function trusted(url) {
  const types = globalThis.trustedTypes;
  if (!types) return url;
  policy ??= types.createPolicy('belfry', { createScriptURL: (u) => u });
  return policy.createScriptURL(url);
}

const devices = new WeakMap(); // by client

/** The device of a client: one, however often it is asked for. */
export function deviceOf(options) {
  const { client } = options;
  if (!devices.has(client)) devices.set(client, new Device(options));
  return devices.get(client);
}

export class Device {
  #worker;
  #scope;
  #request;
  #client;
  #items; // by seq
  #live = new Set(); // seqs that are unread and shown
  #over = new Set(); // those held that are not, of which the worker was told
  #unread; // what it was told last

  constructor({ client, request, url = '', worker, items }) {
    this.#client = client;
    this.#request = request;
    this.#items = items;
    this.#worker = workerOf(url, worker);
    // A scope of its own: the page's worker stays, and no two users share a subscription.
    this.#scope = new URL(`belfry-push/${hex(client.user)}/`, this.#worker).href;
    globalThis.navigator.serviceWorker?.addEventListener('message', ({ data }) => {
      if (data?.type === 'belfry-renewed' && data.scope === this.#scope) this.keep(true).catch(() => {});
    });
    client.subscribe(() => this.#settle().catch(() => {}));
    this.#settle().catch(() => {});
  }

  /**
   * `on`, `off`, `denied` (the browser's settings say no), `install` (an iPhone or iPad
   * has pushes for pages on its home screen alone) or `unsupported`.
   */
  async state() {
    const { navigator, Notification } = globalThis;
    if (!navigator.serviceWorker || !globalThis.PushManager || !Notification) return navigator.standalone === false ? 'install' : 'unsupported';
    if (Notification.permission === 'denied') return 'denied';
    return (await this.#subscription()) && Notification.permission === 'granted' ? 'on' : 'off';
  }

  /** Asks for the permission, and subscribes. To be called by a click: browsers refuse it otherwise. */
  async on() {
    const permission = await globalThis.Notification.requestPermission();
    if (permission !== 'granted') return this.state();
    const { serviceWorker } = globalThis.navigator;
    const registration = await serviceWorker.register(trusted(this.#worker.href), { scope: this.#scope, updateViaCache: 'none' });
    try {
      await this.#renew(await this.#active(), await this.#key());
    } catch (error) {
      await registration.unregister(); // what is registered here is on
      throw error;
    }
    return this.state();
  }

  /** Ends the subscription, here and at the server. */
  async off() {
    const registration = await this.#registration();
    const subscription = await registration?.pushManager.getSubscription();
    await subscription?.unsubscribe();
    await registration?.unregister();
    this.#note('');
    // A server that does not hear of it does with the next push, which the service refuses.
    if (subscription) await this.#send('DELETE', { endpoint: subscription.endpoint }).catch(() => {});
    return this.state();
  }

  /**
   * Keeps the subscription alive, at each load of a page: another one if the server has
   * another key or the browser gave it up, and told to the server once a day, or now.
   * Does nothing on a device that is off.
   */
  async keep(now) {
    if (!(await this.#registration()) || globalThis.Notification.permission !== 'granted') return;
    const registration = await this.#active();
    registration.update().catch(() => {});
    await this.#renew(registration, await this.#key(), !now);
    await this.#settle();
  }

  async #renew(registration, key, lazily) {
    const manager = registration.pushManager;
    let subscription = await manager.getSubscription();
    let old;
    const had = subscription?.options?.applicationServerKey;
    if (had && !same(new Uint8Array(had), key)) {
      old = subscription.endpoint;
      await subscription.unsubscribe(); // a registration has one alone
      subscription = undefined;
    }
    subscription ??= await manager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
    const { endpoint } = subscription;
    const [noted, at] = this.#noted();
    if (lazily && noted === endpoint && Date.now() - at < day) return;
    await this.#send('PUT', subscription.toJSON());
    this.#note(endpoint);
    if (old) await this.#send('DELETE', { endpoint: old }).catch(() => {});
  }

  async #key() {
    const response = await this.#request('/../../push-key'); // beside users
    return bytes((await response.json()).key);
  }

  #send(method, body) {
    return this.#request('/push-subscriptions', { method, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  }

  async #registration() {
    const all = await globalThis.navigator.serviceWorker.getRegistrations();
    return all.find(({ scope }) => scope === this.#scope);
  }

  // A registration takes subscriptions once it has an active worker.
  async #active() {
    const registration = await this.#registration();
    const worker = registration.active ?? registration.waiting ?? registration.installing;
    if (worker.state !== 'activated' && !registration.active) {
      await new Promise((resolve, reject) => {
        worker.addEventListener('statechange', () => {
          if (worker.state === 'activated') resolve();
          if (worker.state === 'redundant') reject(new Error(`${this.#worker} does not run.`));
        });
      });
    }
    return registration;
  }

  async #subscription() {
    return (await this.#registration())?.pushManager.getSubscription();
  }

  // When the server was last told, and of which endpoint. A browser that stores nothing tells it at each load.
  #noted() {
    try {
      const [endpoint, at] = JSON.parse(globalThis.localStorage.getItem(this.#scope)) ?? [];
      return [endpoint, at];
    } catch {
      return [];
    }
  }

  #note(endpoint) {
    try {
      if (endpoint) globalThis.localStorage.setItem(this.#scope, JSON.stringify([endpoint, Date.now()]));
      else globalThis.localStorage.removeItem(this.#scope);
    } catch {
      // It is told again.
    }
  }

  // Tells the worker what is read, gone or put off by now, so that it closes what it shows
  // of that.
  async #settle() {
    const { counts } = this.#client.state;
    if (!counts || !globalThis.navigator.serviceWorker) return;
    const items = this.#items();
    const live = (item) => item && !item.read && !item.archived && !(item.until && Date.parse(item.until) > Date.now());
    const over = [...new Set([...this.#live, ...items.keys()])].filter((seq) => !live(items.get(seq)));
    const gone = over.filter((seq) => !this.#over.has(seq));
    this.#over = new Set(over.filter((seq) => items.has(seq)));
    this.#live = new Set([...items.values()].filter(live).map(({ seq }) => seq));
    const { unread } = counts;
    if (!gone.length && unread === this.#unread) return;
    this.#unread = unread;
    (await this.#registration())?.active?.postMessage({ type: 'belfry-state', gone, unread });
  }
}

/** The user's settings; with a patch (RFC 7396) after it. */
export const preferences = (json, patch) => json('/preferences', patch && {
  method: 'PATCH', headers: { 'Content-Type': 'application/merge-patch+json' }, body: JSON.stringify(patch),
});
