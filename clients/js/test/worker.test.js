// The service worker, in a scope that records what it does.
import test from 'node:test';
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import vm from 'node:vm';

const source = new URL(`${process.env.BELFRY_SOURCE ?? '../src'}/worker.js`, `file://${process.cwd()}/`);
const code = await readFile(source, 'utf8');

const scope = 'https://belfry.example/belfry-push/75/';

// A worker, its windows by address, and what it shows.
function start({ windows = [], shown = [], refuses = false, badges = true } = {}) {
  const did = [];
  const listeners = {};
  const context = {
    URL, Number, Set, Promise,
    location: { href: 'https://belfry.example/belfry-sw.js', origin: 'https://belfry.example' },
    addEventListener: (type, listener) => (listeners[type] = listener),
    skipWaiting: () => did.push('skipWaiting'),
    fetch: async (url, init) => {
      did.push(['fetch', url, init.method, init.mode]);
      if (refuses) throw new TypeError('offline');
    },
    navigator: { language: 'ko-KR', ...(badges && { setAppBadge: async (n) => did.push(['badge', n]) }) },
    clients: {
      claim: async () => did.push('claim'),
      matchAll: async () => windows.map((url) => ({
        url,
        focus: async () => (url.endsWith('closing') ? Promise.reject(new Error()) : did.push(['focus', url])),
        postMessage: (message) => did.push(['tell', url, message.type]),
      })),
      openWindow: async (url) => did.push(['open', url]),
    },
    registration: {
      scope,
      showNotification: async (title, options) => did.push(['show', title, options]),
      getNotifications: async () => shown.map((data) => ({ data, close: () => did.push(['close', data]) })),
      pushManager: { subscribe: async ({ userVisibleOnly, applicationServerKey }) => did.push(['subscribe', userVisibleOnly, applicationServerKey]) },
    },
  };
  vm.runInNewContext(code, context);
  const send = async (type, event) => {
    let waits;
    listeners[type]({ waitUntil: (promise) => (waits = promise), ...event });
    await waits;
    // Objects of another context are equal to none of this one.
    return JSON.parse(JSON.stringify(did.splice(0)));
  };
  return { send, listeners, push: (data) => send('push', { data: data === undefined ? null : { json: () => JSON.parse(data) } }) };
}

test('it has no part in what pages fetch, and takes over at once', async () => {
  const worker = start();
  assert.equal(worker.listeners.fetch, undefined);
  assert.deepEqual(await worker.send('install'), ['skipWaiting']);
  assert.deepEqual(await worker.send('activate'), ['claim']);
});

test('a push is shown with its number, and a repeat takes its place', async () => {
  const message = {
    web_push: 8030, app_badge: 3,
    notification: { title: '결재 요청', body: '오늘까지', navigate: '/docs/7', lang: 'ko', tag: '41', app_badge: '3', data: { seqs: [41], read: '/v1/links/x' } },
  };
  assert.deepEqual(await start().push(JSON.stringify(message)), [
    ['badge', 3],
    ['show', '결재 요청', { body: '오늘까지', lang: 'ko', tag: '41', data: { seqs: [41], read: '/v1/links/x', navigate: '/docs/7' } }],
  ]);
});

test('whatever comes is shown', async () => {
  for (const data of [undefined, 'no JSON', '{}', '{"notification":{}}', '7', 'null', '{"notification":null}', '{"app_badge":-1}', '{"app_badge":"x"}', '{"notification":{"data":"text"}}']) {
    const [[what, title, { tag }], ...rest] = await start().push(data);
    assert.deepEqual([what, title, tag, rest], ['show', '새 알림이 있습니다', 'belfry', []], `of ${data}`);
  }
  const [[, title]] = await start().push('{"notification":{"lang":"en-GB"}}');
  assert.equal(title, 'You have new notifications');
  assert.equal((await start({ badges: false }).push('{"app_badge":3,"notification":{"title":"t"}}')).length, 1);
});

const click = (worker, data) => worker.send('notificationclick', { notification: { data, close: () => {} } });

test('a click opens the item, and marks it read', async () => {
  const data = { navigate: '/docs/7', read: '/v1/links/x', seqs: [41] };
  assert.deepEqual(await click(start(), data), [
    ['fetch', 'https://belfry.example/v1/links/x', 'POST', 'same-origin'],
    ['open', 'https://belfry.example/docs/7'],
  ]);
  assert.deepEqual((await click(start({ windows: ['https://belfry.example/', 'https://belfry.example/docs/7#top'] }), data)).at(-1), ['focus', 'https://belfry.example/docs/7#top']);
  // A window that closes meanwhile is not waited for, nor is the server.
  assert.deepEqual(await click(start({ windows: ['https://belfry.example/closing'], refuses: true }), { navigate: '/closing', read: 'https://other.example/v1/links/x' }), [
    ['fetch', 'https://other.example/v1/links/x', 'POST', 'no-cors'],
    ['open', 'https://belfry.example/closing'],
  ]);
});

test('a click follows http and https alone', async () => {
  for (const data of [null, {}, { navigate: 'javascript:alert(1)', read: 'data:text/plain,x' }, { navigate: 'https://', read: 7 }]) {
    const did = await click(start(), data);
    assert.deepEqual(did.at(-1), ['open', 'https://belfry.example/'], JSON.stringify(data));
    assert.ok(did.every(([what, url]) => what !== 'fetch' || url.startsWith('https://')), JSON.stringify(did));
  }
});

test('what was read elsewhere closes', async () => {
  const shown = [{ seqs: [1] }, { seqs: [2] }, { seqs: [1, 3] }, null];
  const tell = (data) => start({ shown }).send('message', { data: { type: 'belfry-state', ...data } });
  assert.deepEqual(await tell({ gone: [1], unread: 2 }), [['close', { seqs: [1] }], ['badge', 2]]);
  assert.deepEqual(await tell({ gone: [1, 3], unread: 1 }), [['close', { seqs: [1] }], ['close', { seqs: [1, 3] }], ['badge', 1]]);
  assert.equal((await tell({ gone: [], unread: 0 })).length, 5);
  assert.deepEqual(await start({ shown }).send('message', { data: 'of another script' }), []);
});

test('a subscription that the browser gave up is made anew, and pages hear of it', async () => {
  const windows = ['https://belfry.example/'];
  const oldSubscription = { options: { applicationServerKey: 'key' } };
  assert.deepEqual(await start({ windows }).send('pushsubscriptionchange', { oldSubscription }), [['subscribe', true, 'key'], ['tell', windows[0], 'belfry-renewed']]);
  assert.deepEqual(await start({ windows }).send('pushsubscriptionchange', { oldSubscription, newSubscription: {} }), [['tell', windows[0], 'belfry-renewed']]);
  assert.deepEqual(await start().send('pushsubscriptionchange', {}), []);
});
