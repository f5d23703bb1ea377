// The connection against a server that says bye, refuses tokens or brings nothing,
// on a clock that the test moves.
import test from 'node:test';
import assert from 'node:assert/strict';

const source = process.env.BELFRY_SOURCE ?? '../src';
const { Belfry } = await import(`${source}/index.js`);
// What clients load once they act is there: reading a file takes time that no clock of a test has.
await import(`${source}/acting.js`);

const badge = { user: 'u', version: 1, cursor: '7.1', x: 0, unread: 1, unseen: 1, urgent: 0, categories: {} };
const item = { seq: 1, version: 1, read: false, seen: false, archived: false, count: 1, priority: 'normal', title: 'hello' };

const turns = async () => {
  for (let i = 0; i < 30; i++) await new Promise((resolve) => setImmediate(resolve));
};

// A client and the server that it meets; instead(path, token) answers in the server's place.
async function meet(t, options, instead = () => undefined) {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'] });
  t.mock.method(Math, 'random', () => 0);
  const { now } = Date;
  let moved = 0;
  Date.now = () => now() + moved; // of the mock's own Date
  const asked = [];
  const streams = [];
  const belfry = new Belfry({
    user: 'u',
    url: 'https://belfry.example',
    async fetch(url, { headers, signal, body }) {
      const path = new URL(url).pathname.split('/u/')[1];
      const token = headers.Authorization?.slice('Bearer '.length);
      asked.push({ path, token, body });
      const other = await instead(path, token);
      if (other) return other;
      if (path === 'unread') return Response.json(badge, { headers: { 'X-Poll-Interval': '2' } });
      if (path === 'inbox') return Response.json({ ...badge, features: [], items: [item] });
      return new Response(new ReadableStream({
        start(c) {
          signal.addEventListener('abort', () => c.error(signal.reason));
          streams.push({
            say: (text) => c.enqueue(new TextEncoder().encode(text)),
            end: () => c.close(),
          });
        },
      }));
    },
    ...options,
  });
  t.after(() => belfry.close());
  await turns();
  return {
    belfry,
    asked,
    count: (path) => asked.filter((call) => call.path === path).length,
    stream: () => streams.at(-1),
    // Moves the clock and no timer, as the sleep of a machine does, or somebody who sets it.
    clock: (ms) => (moved += ms),
    async pass(ms) {
      t.mock.timers.tick(ms);
      await turns();
    },
  };
}

const ping = 'retry: 4000\n\nid: 7.1\nevent: ping\ndata: {"version":1}\n\n';
const bye = (reason) => `event: bye\ndata: {"reason":"${reason}"}\n\n`;

for (const [reason, meanwhile] of [['drain', 'connecting'], ['expired', 'connecting'], ['limit', 'polling']]) {
  test(`bye ${reason}: comes back when the server said, and is ${meanwhile} until then`, async (t) => {
    const { belfry, count, stream, pass } = await meet(t, {});
    stream().say(ping);
    await turns();
    assert.equal(belfry.state.status, 'live');
    stream().say(bye(reason));
    stream().end();
    await turns();
    assert.equal(belfry.state.status, meanwhile);
    await pass(3999);
    assert.equal(count('stream'), 1);
    await pass(1);
    assert.equal(count('stream'), 2);
    stream().say(ping);
    await turns();
    assert.equal(belfry.state.status, 'live');
  });
}

test('streams that are taken: polls at the interval of the server', async (t) => {
  const { belfry, count, stream, pass } = await meet(t, {});
  stream().say(`retry: 10000\n\n${bye('limit')}`);
  stream().end();
  await turns();
  const before = count('unread');
  for (let i = 0; i < 4; i++) await pass(2000);
  assert.equal(belfry.state.status, 'polling');
  assert.equal(count('unread') - before, 4);
  assert.equal(count('stream'), 1);
});

test('a stream that ends without bye is taken up again; one that brought nothing is asked for less and less', async (t) => {
  const { count, stream, pass } = await meet(t, {});
  stream().say(ping);
  await turns();
  stream().end();
  await turns();
  await pass(4000);
  assert.equal(count('stream'), 2);
  const waits = [];
  for (let i = 0; i < 4; i++) {
    stream().end();
    await turns();
    const before = count('stream');
    let waited = 0;
    for (; count('stream') === before && waited < 100_000; waited += 1000) await pass(1000);
    waits.push(waited);
  }
  assert.deepEqual(waits, [4000, 8000, 16000, 32000]);
});

test('a token that is refused is asked for again, once', async (t) => {
  const reasons = [];
  const { belfry, asked } = await meet(t, {
    getToken: async (reason) => {
      reasons.push(reason?.refused ?? 'first');
      return reason ? 'new' : 'old';
    },
  }, (path, token) => (token === 'old' ? Response.json({ title: 'expired' }, { status: 401 }) : undefined));
  assert.equal(belfry.state.counts.unread, 1);
  assert.deepEqual([...new Set(reasons)], ['first', 'old']);
  for (const path of ['unread', 'inbox', 'stream']) {
    assert.deepEqual(asked.filter((call) => call.path === path).map((call) => call.token), ['old', 'new'], path);
  }
});

test('a stream whose token ended goes on with the next token', async (t) => {
  let token = 'one';
  const { belfry, asked, stream, pass } = await meet(t, { getToken: () => token });
  stream().say(ping + bye('expired'));
  stream().end();
  token = 'two';
  await turns();
  await pass(4000);
  stream().say(ping);
  await turns();
  assert.deepEqual(asked.filter((call) => call.path === 'stream').map((call) => call.token), ['one', 'two']);
  assert.equal(belfry.state.status, 'live');
});

test('who has no better token is signed out, and is back when told that there is one', async (t) => {
  let token = 'bad';
  const { belfry, asked, stream, pass } = await meet(t, { getToken: () => token }, (path, bearer) => (bearer === 'bad' ? Response.json({}, { status: 401 }) : undefined));
  assert.equal(belfry.state.status, 'signed-out');
  assert.equal(belfry.state.error.status, 401);
  const before = asked.length;
  await pass(59_000);
  assert.equal(asked.length, before);
  token = 'good';
  belfry.reconnect();
  await turns();
  stream().say(ping);
  await turns();
  assert.equal(belfry.state.status, 'live');
  assert.equal(belfry.state.error, null);
  assert.equal(belfry.state.counts.unread, 1);
});

test('getToken that fails is an error of the connection, and tried again', async (t) => {
  let fails = true;
  const { belfry, stream, pass } = await meet(t, {
    getToken: () => {
      if (fails) throw new Error('no session');
      return 'good';
    },
  });
  assert.match(belfry.state.error.message, /no session/);
  fails = false;
  await pass(30_000);
  stream().say(ping);
  await turns();
  assert.equal(belfry.state.status, 'live');
});

test('what another device mutes is asked for when a batch tells of no item, once anybody wants to know', async (t) => {
  let categories = [];
  const { belfry, count, stream } = await meet(t, {}, (path) => path === 'inbox/mute' && Response.json({ categories }));
  const unread = (version) => `id: 7.${version}\nevent: unread\ndata: ${JSON.stringify({ ...badge, version, cursor: `7.${version}` })}\n\n`;
  const state = (version, more) => `event: state\ndata: ${JSON.stringify({ version, read: [], unread: [], seen: [], archived: [], removed: [], ...more })}\n\n`;
  const say = async (text) => {
    stream().say(text);
    await turns();
  };
  await say(ping + unread(2));
  assert.equal(count('inbox/mute'), 0);
  await belfry.mutes();
  assert.deepEqual(belfry.state.mutes, []);
  categories = [{ category: 'board' }];
  await say(unread(3));
  assert.deepEqual(belfry.state.mutes, ['board']);
  categories = [];
  await say(state(4, { removed: [9] }) + unread(4)); // one that was scheduled
  assert.deepEqual(belfry.state.mutes, []);
  assert.equal(count('inbox/mute'), 3);
  await say(state(5, { read: [1] }) + unread(5)); // this is no mute
  assert.equal(count('inbox/mute'), 3);
});

test('mark-all reaches the version on the screen, and by name wakes that no record has settled', async (t) => {
  const woken = { ...item, seq: 9, woke_at: '2026-01-01T00:00:00Z' };
  const { belfry, asked } = await meet(t, {}, (path) => {
    if (path === 'inbox') return Response.json({ ...badge, features: [], items: [woken, item] });
    return path === 'inbox/read' ? Response.json({ ...badge, version: 2, cursor: '7.2', unread: 0, unseen: 0 }) : undefined;
  });
  await Promise.all([belfry.markAll('read'), turns()]);
  assert.deepEqual(asked.filter((call) => call.path === 'inbox/read').map((call) => call.body), ['{"seqs":[9]}', '{"up_to":1}']);
});

test('a machine that wakes takes up its stream at the next look at the clock, unless it slept for less than silence may last', async (t) => {
  const { belfry, count, stream, clock, pass } = await meet(t, {});
  stream().say(ping);
  await turns();
  clock(20_000);
  await pass(2000);
  assert.equal(count('stream'), 1);
  clock(8 * 3600_000);
  await pass(1999);
  assert.equal(count('stream'), 1);
  await pass(1);
  await pass(0);
  assert.equal(count('stream'), 2);
  stream().say(ping);
  await turns();
  assert.equal(belfry.state.status, 'live');
});

test('what waits for its time is tried as a machine wakes', async (t) => {
  let away = false;
  const { belfry, stream, clock, pass } = await meet(t, {}, () => {
    if (away) throw new TypeError('no route');
  });
  stream().say(ping);
  away = true;
  stream().end();
  await turns();
  for (let i = 0; i < 200; i++) await pass(1000);
  assert.equal(belfry.state.status, 'offline');
  away = false;
  clock(8 * 3600_000);
  await pass(2000);
  await pass(1);
  stream().say(ping);
  await turns();
  assert.equal(belfry.state.status, 'live');
});

test('a clock that is put back lengthens no wait', async (t) => {
  const { count, stream, clock, pass } = await meet(t, {});
  stream().say(ping);
  await turns();
  clock(-3600_000);
  await pass(25_000);
  await pass(4000);
  assert.equal(count('stream'), 2);
});
