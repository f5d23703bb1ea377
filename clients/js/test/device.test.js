// A browser's subscription: asked for by a click, kept with the server's key, told to
// the server once a day, and ended.
import test from 'node:test';
import assert from 'node:assert/strict';

const source = process.env.BELFRY_SOURCE ?? '../src';
const { Device } = await import(`${source}/device.js`);

const scope = 'https://app.example/belfry-push/6b696d/'; // of kim
const key = (n) => Buffer.alloc(65, n).toString('base64url');
const turns = async () => {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
};

// A browser, the server that its page asks, and what either was asked for.
function browser(t, { permission = 'default', answers = 'granted', subscribed, refuses, storage = true, standalone, without = [] } = {}) {
  const did = [];
  const stored = new Map();
  const listeners = [];
  let made = 0;
  let subscription = null;
  const subscription_ = (bytes) => {
    const endpoint = `https://push.example/${++made}`;
    return {
      endpoint, options: { applicationServerKey: bytes.buffer ?? bytes }, toJSON: () => ({ endpoint, keys: {} }),
      unsubscribe: async () => { did.push('unsubscribe'); subscription = null; },
    };
  };
  const registration = {
    scope, active: { state: 'activated', postMessage: (message) => did.push(['tell', message]) },
    update: async () => did.push('update'),
    unregister: async () => { did.push('unregister'); registered = false; },
    pushManager: {
      getSubscription: async () => subscription,
      subscribe: async ({ applicationServerKey }) => {
        did.push('subscribe');
        return (subscription = subscription_(applicationServerKey));
      },
    },
  };
  let registered = subscribed !== undefined;
  if (subscribed) subscription = subscription_(new Uint8Array(Buffer.from(subscribed, 'base64url')));
  const globals = {
    location: { href: 'https://app.example/page' },
    navigator: {
      standalone,
      serviceWorker: {
        addEventListener: (_, listener) => listeners.push(listener),
        getRegistrations: async () => [{ scope: 'https://app.example/' }, ...(registered ? [registration] : [])],
        register: async (url, options) => {
          did.push(['register', `${url}`, options.scope]);
          registered = true;
          return registration;
        },
      },
    },
    Notification: { permission, requestPermission: async () => { did.push('ask'); return (globalThis.Notification.permission = answers); } },
    PushManager: class {},
    localStorage: { getItem: (name) => stored.get(name) ?? null, setItem: (name, value) => {
      if (!storage) throw new Error('no storage');
      stored.set(name, value);
    }, removeItem: (name) => stored.delete(name) },
  };
  if (without.includes('serviceWorker')) delete globals.navigator.serviceWorker;
  for (const name of ['location', 'navigator', 'Notification', 'PushManager', 'localStorage']) {
    const value = without.includes(name) ? undefined : globals[name];
    const before = Object.getOwnPropertyDescriptor(globalThis, name);
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
    t.after(() => (before ? Object.defineProperty(globalThis, name, before) : delete globalThis[name]));
  }
  const items = new Map();
  const client = { user: 'kim', state: { counts: null }, subscribe: (listener) => (client.changed = listener) };
  const server = { key: key(1) };
  const device = new Device({
    client, items: () => items,
    request: async (path, { method = 'GET', body } = {}) => {
      did.push(`${method} ${path}${body ? ` ${JSON.parse(body).endpoint}` : ''}`);
      if (refuses === method) throw new Error('refused');
      return Response.json({ key: server.key });
    },
  });
  return { device, did, items, client, server, done: () => did.splice(0), hear: (data) => listeners.forEach((listener) => listener({ data })) };
}

test('nothing is asked for before a click, and one click does all', async (t) => {
  const { device, done } = browser(t);
  assert.equal(await device.state(), 'off');
  assert.deepEqual(done(), []);
  assert.equal(await device.on(), 'on');
  assert.deepEqual(done(), ['ask', ['register', 'https://app.example/belfry-sw.js', scope], 'GET /../../push-key', 'subscribe', 'PUT /push-subscriptions https://push.example/1']);
  assert.equal(await device.off(), 'off');
  assert.deepEqual(done(), ['unsubscribe', 'unregister', 'DELETE /push-subscriptions https://push.example/1']);
});

test('a refusal leaves nothing behind', async (t) => {
  await t.test('of the user', async (t) => {
    const { device, done } = browser(t, { answers: 'denied' });
    assert.equal(await device.on(), 'denied');
    assert.deepEqual(done(), ['ask']);
  });
  await t.test('of a question that was closed', async (t) => {
    const { device } = browser(t, { answers: 'default' });
    assert.equal(await device.on(), 'off');
  });
  await t.test('of the server', async (t) => {
    const { device, done } = browser(t, { refuses: 'PUT' });
    await assert.rejects(device.on(), /refused/);
    assert.equal(done().at(-1), 'unregister');
    assert.equal(await device.state(), 'off');
  });
});

test('what a browser cannot do is said', async (t) => {
  for (const [name, options, want] of [
    ['no worker', { without: ['serviceWorker'] }, 'unsupported'],
    ['no push', { without: ['PushManager'] }, 'unsupported'],
    ['an iPhone outside of its home screen', { without: ['PushManager'], standalone: false }, 'install'],
    ['a permission denied before', { permission: 'denied' }, 'denied'],
    ['a permission taken back', { permission: 'default', subscribed: key(1) }, 'off'],
  ]) {
    await t.test(name, async (t) => assert.equal(await browser(t, options).device.state(), want));
  }
});

test('the server is told once a day', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: 1e12 });
  const { device, done, hear } = browser(t, { permission: 'granted', subscribed: key(1) });
  await device.keep();
  assert.deepEqual(done(), ['update', 'GET /../../push-key', 'PUT /push-subscriptions https://push.example/1']);
  await device.keep();
  assert.deepEqual(done(), ['update', 'GET /../../push-key']);
  t.mock.timers.tick(864e5);
  await device.keep();
  assert.equal(done().at(-1), 'PUT /push-subscriptions https://push.example/1');
  // The worker's word is not doubted.
  hear({ type: 'belfry-renewed', scope });
  await turns();
  assert.equal(done().at(-1), 'PUT /push-subscriptions https://push.example/1');
  hear({ type: 'belfry-renewed', scope: 'of another user' });
  await turns();
  assert.deepEqual(done(), []);
});

test('a browser that stores nothing tells it at each load', async (t) => {
  const { device, done } = browser(t, { permission: 'granted', subscribed: key(1), storage: false });
  await device.keep();
  await device.keep();
  assert.equal(done().filter((what) => `${what}`.startsWith('PUT')).length, 2);
});

test('another key of the server is another subscription', async (t) => {
  const { device, done } = browser(t, { permission: 'granted', subscribed: key(2) });
  await device.keep();
  assert.deepEqual(done(), ['update', 'GET /../../push-key', 'unsubscribe', 'subscribe', 'PUT /push-subscriptions https://push.example/2', 'DELETE /push-subscriptions https://push.example/1']);
});

test('what the browser gave up is made anew, what the user ended is not', async (t) => {
  const { device, done } = browser(t, { permission: 'granted', subscribed: '' });
  await device.keep();
  assert.deepEqual(done(), ['update', 'GET /../../push-key', 'subscribe', 'PUT /push-subscriptions https://push.example/1']);
  await device.off();
  done();
  await device.keep();
  assert.deepEqual(done(), []);
});

test('the worker hears what is read, gone or put off', async (t) => {
  const { items, client, done } = browser(t, { permission: 'granted', subscribed: key(1) });
  const show = async (unread, ...of) => {
    items.clear();
    for (const [seq, flags] of of) items.set(seq, { seq, read: false, archived: false, ...flags });
    client.state = { counts: { unread } };
    client.changed();
    await turns();
    return done().map(([, message]) => message);
  };
  assert.deepEqual(await show(4, [1], [2], [3], [4], [5, { read: true }]), [{ type: 'belfry-state', gone: [5], unread: 4 }]);
  assert.deepEqual(await show(4, [1], [2], [3], [4], [5, { read: true }]), []);
  const later = new Date(Date.now() + 1e6).toISOString();
  assert.deepEqual(await show(1, [1, { read: true }], [2, { archived: true }], [3, { until: later }], [5]), [{ type: 'belfry-state', gone: [1, 2, 3, 4], unread: 1 }]);
});
