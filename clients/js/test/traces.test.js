// Replays what clients of the design's model of time were told, by servers of
// different age and clock, and compares what they then showed: items that are
// hidden, wake, expire, collapse and come back included.
import test from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

const source = process.env.BELFRY_SOURCE ?? '../src';
const { makeStore } = await import(`${source}/store.js`);
const traces = JSON.parse(readFileSync(new URL('testdata/traces.json', import.meta.url), 'utf8'));

const item = (i) => ({
  seq: i.seq, version: i.ver, read: !!i.read, seen: !!i.seen, archived: !!i.arch, shown: i.shown, woke_at: i.until, count: i.count,
});
const badge = ([version, x], unread) => ({ version, x, cursor: version ? `7.${version}` : '0.0', unread });

function tell(store, step) {
  if (step.list) return store.replace({ ...badge(step.at, step.n), items: step.list.map(item) });
  if (!step.items) return store.count(badge(step.at, step.count));
  const state = { version: step.at[0], read: [], unread: [], seen: [], archived: [], removed: step.removed };
  for (const [seq, flags] of step.flags) {
    state[flags.read ? 'read' : 'unread'].push(seq);
    if (flags.seen && !flags.read) state.seen.push(seq);
    if (flags.arch) state.archived.push(seq);
  }
  const frames = step.items.map((i) => ({ event: 'item', data: item(i) }));
  const told = badge(step.at, step.n);
  return store.batch([...frames, { event: 'state', data: state }, { event: 'unread', data: told }], told.cursor);
}

test(`${traces.length} clients show what the model's show, after each step`, () => {
  let steps = 0;
  for (const [n, trace] of traces.entries()) {
    const store = makeStore();
    for (const [i, step] of trace.entries()) {
      tell(store, step);
      steps++;
      const shown = store.all.select(store.items.values()).map((item) =>
        [item.seq, item.version, +item.read, +item.seen, item.shown, item.woke_at, item.count]);
      // The version of an item is no part of what is shown.
      const bare = (rows) => rows.map(([seq, , ...rest]) => [seq, ...rest]);
      assert.deepEqual(bare(shown), bare(step.screen), `client ${n}, step ${i}`);
      assert.deepEqual(store.stamp, step.stamp, `client ${n}, step ${i}: stamp`);
      assert.equal(store.counts.unread, step.badge, `client ${n}, step ${i}: badge`);
    }
  }
  assert.ok(steps > 300);
});
