// The races that other inboxes document, replayed.
import test from 'node:test';
import assert from 'node:assert/strict';

const source = process.env.BELFRY_SOURCE ?? '../src';
const [{ makeSync }, { makeList }, { makeLeaving }] = await Promise.all([import(`${source}/sync.js`), import(`${source}/list.js`), import(`${source}/leaving.js`)]);

const turn = () => new Promise((resolve) => setImmediate(resolve));
const badge = (version, unread, more) => ({
  user: 'u', version, cursor: `7.${version}`, x: 0, unread, unseen: unread, urgent: 0, categories: unread ? { a: { unread, unseen: unread } } : {}, ...more,
});
const item = (seq, more) => ({ seq, version: seq, read: false, seen: false, archived: false, count: 1, category: 'a', priority: 'normal', title: `t${seq}`, ...more });
const state = (version, more) => ({ event: 'state', data: { version, read: [], unread: [], seen: [], archived: [], removed: [], ...more } });
const batch = (from, to, unread, ...frames) => ({ from: `7.${from}`, to: `7.${to}`, frames: [...frames, { event: 'unread', data: badge(to, unread) }] });

// A tab on a list of seqs, whose requests wait for the test to answer them.
async function tab(...seqs) {
  const asked = [];
  const leaving = makeLeaving();
  let list;
  const sync = makeSync({
    request: (path, init) => new Promise((resolve, reject) => asked.push({
      path, body: init?.body && JSON.parse(init.body), answer: (body) => resolve({ json: async () => body }), refuse: reject,
    })),
    changed: () => list?.update(),
    leaving,
  });
  await sync.prepare();
  const listed = sync.ensure();
  await turn();
  asked.shift().answer({ ...badge(Math.max(...seqs), seqs.length), features: [], items: seqs.map((seq) => item(seq)) });
  await listed;
  list = makeList(sync, {}, () => {});
  const shown = () => `${list.items.map((i) => i.seq + (i.read ? '' : '*') + (i.archived ? 'a' : '')).join(' ')} = ${sync.counts()?.unread}`;
  return { sync, list, asked, shown, leaving };
}

test('what arrives while all is marked read stays unread', async () => {
  const { sync, asked, shown } = await tab(2, 1);
  const done = sync.act('read', { up_to: 2 });
  await turn();
  assert.equal(shown(), '2 1 = 0');
  await sync.take(batch(2, 3, 3, { event: 'item', data: item(3) }));
  assert.equal(shown(), '3* 2 1 = 1');
  assert.deepEqual(asked[0].body, { up_to: 2 });
  asked[0].answer(badge(4, 1));
  await done;
  assert.equal(shown(), '3* 2 1 = 1');
  await sync.take(batch(3, 4, 1, state(4, { read: [1, 2] })));
  assert.equal(shown(), '3* 2 1 = 1');
});

test('an action answered after its own frame counts once', async () => {
  const { sync, asked, shown } = await tab(2, 1);
  const done = sync.act('read', { seqs: [2] });
  await turn();
  assert.equal(shown(), '2 1* = 1');
  await sync.take(batch(2, 3, 1, state(3, { read: [2] })));
  assert.equal(shown(), '2 1* = 1');
  asked[0].answer(badge(3, 1));
  await done;
  assert.equal(shown(), '2 1* = 1');
});

test('an action answered before its frame counts once, and does not refuse the frames before it', async () => {
  const { sync, asked, shown } = await tab(2, 1);
  const done = sync.act('read', { seqs: [2] });
  await turn();
  asked[0].answer(badge(4, 2)); // a third item came in between
  await done;
  assert.equal(shown(), '2 1* = 1');
  await sync.take(batch(2, 3, 3, { event: 'item', data: item(3) }));
  assert.equal(shown(), '3* 2 1* = 2');
  await sync.take(batch(3, 4, 2, state(4, { read: [2] })));
  assert.equal(shown(), '3* 2 1* = 2');
});

test('two tabs that are sent the same count once', async () => {
  const [a, b] = [await tab(2, 1), await tab(2, 1)];
  const same = batch(2, 3, 3, { event: 'item', data: item(3) });
  await a.sync.take(same);
  await b.sync.receive(same);
  await b.sync.receive(same);
  assert.equal(a.shown(), '3* 2* 1* = 3');
  assert.equal(b.shown(), '3* 2* 1* = 3');
});

test('a refused action is undone, with what was read meanwhile kept', async () => {
  const { sync, asked, shown } = await tab(2, 1);
  const done = sync.act('delete', { seqs: [2] });
  await turn();
  assert.equal(shown(), '1* = 1');
  await sync.take(batch(2, 3, 1, state(3, { read: [1] })));
  assert.equal(shown(), '1 = 0');
  asked[0].refuse(new Error('no'));
  await assert.rejects(done, /no/);
  assert.equal(shown(), '2* 1 = 1');
});

test('the last word on an item is sent last', async () => {
  const { sync, asked, shown } = await tab(1);
  const [read, unread] = [sync.act('read', { seqs: [1] }), sync.act('unread', { seqs: [1] })];
  await turn();
  assert.equal(shown(), '1* = 1');
  assert.deepEqual(asked.map((r) => r.path), ['/inbox/read']);
  asked[0].answer(badge(2, 0));
  await read;
  await turn();
  assert.deepEqual(asked.map((r) => r.path), ['/inbox/read', '/inbox/unread']);
  asked[1].answer(badge(3, 1));
  await unread;
  assert.equal(shown(), '1* = 1');
});

test('mark-all of one category leaves the others', async () => {
  const { sync, asked, shown } = await tab(1);
  await sync.take({ from: '7.1', to: '7.2', frames: [{ event: 'item', data: item(2, { category: 'b' }) },
    { event: 'unread', data: badge(2, 2, { categories: { a: { unread: 1, unseen: 1 }, b: { unread: 1, unseen: 1 } } }) }] });
  const done = sync.act('read', { up_to: 2, category: 'b' });
  await turn();
  assert.equal(shown(), '2 1* = 1');
  assert.deepEqual(sync.counts().categories, { a: { unread: 1, unseen: 1 } });
  asked[0].refuse(new Error('no'));
  await assert.rejects(done);
  assert.equal(shown(), '2* 1* = 2');
});

test('mark-all takes what is not loaded off the badge too', async () => {
  const { sync, asked } = await tab(9, 8);
  await sync.take(batch(9, 10, 40, state(10)));
  sync.act('read', { up_to: 10 });
  await turn();
  assert.equal(sync.counts().unread, 0);
  assert.equal(asked.length, 1);
});

test('a batch of another log is not applied, and a lower one has a bare list decide', async () => {
  const { sync, asked, shown } = await tab(5);
  const foreign = { from: '9.1', to: '9.2', frames: [{ event: 'item', data: item(2) }, { event: 'unread', data: { ...badge(2, 1), cursor: '9.2' } }] };
  const taken = sync.take(foreign);
  await turn();
  assert.equal(shown(), '5* = 1');
  assert.ok(!asked[0].path.includes('min_version'), asked[0].path);
  asked[0].answer({ ...badge(2, 1), cursor: '9.2', features: [], items: [item(2)] });
  assert.equal(await taken, true);
  assert.equal(shown(), '2* = 1');
});

test('a stream that is ahead of the list that decided does not go on', async () => {
  const { sync, asked } = await tab(5);
  const taken = sync.take({ from: '9.3', to: '9.4', frames: [{ event: 'unread', data: { ...badge(4, 1), cursor: '9.4' } }] });
  await turn();
  asked[0].answer({ ...badge(2, 1), cursor: '9.2', features: [], items: [item(2)] });
  assert.equal(await taken, false);
});

test('a page of before the store is asked for again', async () => {
  const { sync, asked } = await tab(9, 8);
  await sync.take(batch(9, 10, 1, state(10, { removed: [8] })));
  const list = makeList(sync, { status: 'archived' }, () => {});
  await turn();
  const { setTimeout } = globalThis;
  globalThis.setTimeout = (fn) => setTimeout(fn, 0);
  asked[0].answer({ ...badge(9, 2), features: [], items: [item(8, { archived: true })] });
  await turn();
  await new Promise((resolve) => setTimeout(resolve, 5));
  globalThis.setTimeout = setTimeout;
  assert.equal(list.items.length, 0);
  assert.equal(asked.length, 2);
  assert.ok(asked[1].path.includes('min_version=10'), asked[1].path);
});

test('late content comes at the version that the item has', async () => {
  const { sync, list } = await tab(1);
  await sync.take(batch(1, 2, 2, { event: 'item', data: item(2, { pending: true, title: undefined }) }));
  assert.equal(list.items[0].title, undefined);
  await sync.take(batch(2, 2, 2, { event: 'item', data: item(2) }));
  assert.equal(list.items[0].title, 't2');
});

test('fields that nobody here knows are kept', async () => {
  const { sync, list } = await tab(1);
  await sync.take(batch(1, 2, 2, { event: 'item', data: item(2, { audience: 'all', later: 5 }) }));
  await sync.take(batch(2, 3, 1, state(3, { read: [2] })));
  assert.equal(list.items[0].audience, 'all');
  assert.equal(list.items[0].later, 5);
});

test('an item that did not change is the same object, and so is a list', async () => {
  const { sync, list } = await tab(2, 1);
  const [items, [, first]] = [list.items, list.items];
  await sync.take(batch(2, 2, 2, state(2)));
  assert.equal(list.items, items);
  await sync.take(batch(2, 3, 1, state(3, { read: [2] })));
  assert.notEqual(list.items, items);
  assert.equal(list.items[1], first);
});

test('a page that ends sends what waits for an answer, and one that comes back waits again', async () => {
  const { sync, asked, leaving } = await tab(2, 1);
  const sent = () => asked.map(({ path }) => path.replace('/inbox/', '')).join(' ');
  sync.act('seen', { seqs: [2] });
  sync.act('read', { seqs: [2] });
  await turn();
  assert.equal(sent(), 'seen');
  leaving.leave(true);
  await turn();
  assert.equal(sent(), 'seen read');
  sync.act('archive', { seqs: [1] });
  await turn();
  assert.equal(sent(), 'seen read archive');
  leaving.leave(false);
  sync.act('unarchive', { seqs: [1] });
  await turn();
  assert.equal(sent(), 'seen read archive');
});

test('the last token serves a page that ends before there is another', async () => {
  const { requester } = await import(`${source}/request.js`);
  const leaving = makeLeaving();
  const tokens = [Promise.resolve('first'), new Promise(() => {})];
  const sent = [];
  const request = requester('', {
    getToken: () => tokens.shift(),
    fetch: async (url, { headers }) => {
      sent.push(headers.Authorization);
      return { ok: true };
    },
  }, leaving);
  await request('/inbox');
  request('/inbox/read');
  await turn();
  assert.deepEqual(sent, ['Bearer first']);
  leaving.leave(true);
  await turn();
  assert.deepEqual(sent, ['Bearer first', 'Bearer first']);
});

test('a tab that missed a batch lists instead of taking the one after it', async () => {
  const { sync, asked, shown } = await tab(2, 1);
  const received = sync.receive(batch(3, 4, 3, { event: 'item', data: item(4) }));
  await turn();
  assert.equal(shown(), '2* 1* = 2');
  assert.match(asked[0].path, /min_version=4/);
  asked[0].answer({ ...badge(4, 4), features: [], items: [4, 3, 2, 1].map((seq) => item(seq)) });
  await received;
  assert.equal(shown(), '4* 3* 2* 1* = 4');
});

test('what is snoozed leaves list and badge at once, and a wake that moves no version brings it back above all', async () => {
  const { sync, asked, shown } = await tab(2, 1);
  const done = sync.act('snooze', { seqs: [1], until: '2030-01-01T00:00:00.000Z' });
  await turn();
  assert.equal(shown(), '2* = 1');
  assert.deepEqual(asked[0].body, { seqs: [1], until: '2030-01-01T00:00:00.000Z' });
  asked[0].answer(badge(3, 1));
  await done;
  await sync.take(batch(2, 3, 1, state(3, { removed: [1] })));
  assert.equal(shown(), '2* = 1');
  await sync.take({ from: '7.3', to: '7.3', frames: [
    { event: 'item', data: item(1, { version: 3, woke_at: '2030-01-01T00:00:00Z' }) }, { event: 'unread', data: badge(3, 2, { x: 1 }) }] });
  assert.equal(shown(), '1* 2* = 2');
});

test('the list of what is scheduled is loaded by itself, soonest first, and loses what wakes', async () => {
  const { sync, asked, shown } = await tab(4, 3);
  const later = (seq, until, more) => item(seq, { version: 2, until, ...more });
  const scheduled = makeList(sync, { status: 'scheduled' }, () => {});
  await turn();
  assert.match(asked[0].path, /status=scheduled/);
  assert.doesNotMatch(asked[0].path, /order=/);
  asked.shift().answer({ ...badge(4, 2), items: [later(2, '2030-01-01T00:00:00Z'), later(1, '2030-01-02T00:00:00Z')] });
  await turn();
  assert.deepEqual(scheduled.items.map((i) => i.seq), [2, 1]);
  assert.equal(shown(), '4* 3* = 2');

  // At the very version that it was listed at, out of hiding.
  await sync.take({ from: '7.4', to: '7.4', frames: [
    { event: 'item', data: item(2, { version: 2, woke_at: '2030-01-01T00:00:00Z' }) }, { event: 'unread', data: badge(4, 3, { x: 1 }) }] });
  scheduled.update();
  assert.deepEqual(scheduled.items.map((i) => i.seq), [1]);
  assert.equal(shown(), '2* 4* 3* = 3');

  // Shown again before its time, at once.
  sync.act('unsnooze', { seqs: [1] });
  await turn();
  scheduled.update();
  assert.deepEqual(scheduled.items, []);
  assert.equal(shown(), '2* 4* 3* 1* = 4');

  // Another tab snoozes one: only the server can say until when.
  asked.length = 0;
  await sync.take({ from: '7.4', to: '7.5', frames: [{ event: 'state', data: state(5, { removed: [3] }).data }, { event: 'unread', data: badge(5, 2) }] });
  scheduled.update();
  await turn();
  assert.match(asked.at(-1).path, /status=scheduled/);
});

test('what is held is shown and counted as done, and sent when its time is over, or never', async () => {
  const { sync, asked, shown } = await tab(2, 1);
  let decide;
  const [undone, sent] = [sync.act('delete', { seqs: [2] }, new Promise((resolve) => (decide = resolve))), sync.act('delete', { seqs: [1] }, turn().then(() => true))];
  assert.equal(shown(), ' = 0');
  decide(false);
  await undone;
  assert.equal(shown(), '2* = 1');
  await turn();
  assert.deepEqual(asked.map((r) => r.body), [{ seqs: [1] }]);
  asked[0].answer(badge(3, 1));
  await sent;
  assert.equal(shown(), '2* = 1');
});
