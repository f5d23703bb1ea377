// Clients of one server that lose it at once, on a clock that the test moves and with
// random numbers from a seed: how many come back in any second is what the server bears.
import test from 'node:test';
import assert from 'node:assert/strict';
import { random } from './world.js';

const source = process.env.BELFRY_SOURCE ?? '../src';
const { Belfry } = await import(`${source}/index.js`);

const clients = 200;
const badge = { user: 'u', version: 1, cursor: '7.1', x: 0, unread: 0, unseen: 0, urgent: 0, categories: {} };

const turns = async (n = 30) => {
  for (let i = 0; i < n; i++) await new Promise((resolve) => setImmediate(resolve));
};

// All clients with a stream that is live; each server names the time to come back itself.
async function crowd(t, retry) {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'] });
  t.mock.method(Math, 'random', random(16));
  const server = { up: true, came: [], streams: new Set() };
  const answer = (url, { signal }) => {
    if (!server.up) throw new TypeError('no route');
    if (url.endsWith('/unread')) return Response.json(badge);
    if (!url.endsWith('/stream')) return Response.json({ ...badge, features: [], items: [] });
    return new Response(new ReadableStream({
      start(c) {
        c.enqueue(new TextEncoder().encode(`retry: ${retry}\n\nid: 7.1\nevent: ping\ndata: {"version":1}\n\n`));
        server.streams.add(c);
        signal.addEventListener('abort', () => server.streams.delete(c));
      },
    }));
  };
  const all = Array.from({ length: clients }, () => new Belfry({
    user: 'u',
    url: 'https://belfry.example',
    async fetch(url, init) {
      server.came.push(Date.now());
      return answer(url, init);
    },
  }));
  t.after(() => all.forEach((belfry) => belfry.close()));
  await turns();
  return {
    server,
    live: () => all.filter(({ state }) => state.status === 'live').length,
    drop() {
      server.came = [];
      for (const c of server.streams) c.error(new TypeError('reset'));
      server.streams.clear();
    },
    async pass(ms) {
      for (let passed = 0; passed < ms; passed += 100) {
        t.mock.timers.tick(100);
        await turns(8);
      }
    },
    // The most requests in a second, of all seconds.
    most() {
      const seconds = new Map();
      for (const at of server.came) seconds.set(Math.floor(at / 1000), (seconds.get(Math.floor(at / 1000)) ?? 0) + 1);
      return Math.max(0, ...seconds.values());
    },
  };
}

test(`${clients} streams that are cut at once come back spread over half of the time that the server names, and not before it`, async (t) => {
  const { server, live, drop, pass, most } = await crowd(t, 8000);
  assert.equal(live(), clients);
  drop();
  await pass(7900);
  assert.equal(server.came.length, 0);
  await pass(4200);
  assert.equal(live(), clients);
  assert.equal(server.came.length, clients);
  assert.ok(most() < clients / 2, `${most()} of ${clients} came in one second`);
});

test(`${clients} clients whose server is away ask less and less, spread, and are all back`, async (t) => {
  const { server, live, drop, pass, most } = await crowd(t, 4000);
  server.up = false;
  drop();
  await pass(60_000);
  assert.equal(live(), 0);
  assert.ok(most() < clients * 1.2, `${most()} requests of ${clients} in one second`);
  server.came = [];
  await pass(120_000);
  // Each asks for a stream once in its longest wait, and for its badge between.
  assert.ok(server.came.length < clients * 20, `${server.came.length} requests of ${clients} in two minutes`);
  assert.ok(most() < clients / 4, `${most()} requests of ${clients} in one second`);
  server.up = true;
  server.came = [];
  await pass(100_000);
  assert.equal(live(), clients);
  assert.ok(most() < clients / 4, `${most()} requests of ${clients} in one second`);
});
