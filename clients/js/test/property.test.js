import test from 'node:test';
import assert from 'node:assert/strict';
import { World } from './world.js';

const source = process.env.BELFRY_SOURCE ?? '../src';
const [{ makeSync }, { makeList }] = await Promise.all([import(`${source}/sync.js`), import(`${source}/list.js`)]);
// What clients load once they act is there: a world has turns, and reading a file takes time.
await import(`${source}/acting.js`);

const histories = Number(process.env.BELFRY_HISTORIES ?? 300);
const first = Number(process.env.BELFRY_SEED ?? 1);

// In any order of batches, answers, polls, tabs and two leaders, with a
// server that lags and logs that are renewed or wiped: in the end every tab
// shows what the server holds.
test(`any interleaving converges, ${histories} times`, async () => {
  for (let seed = first; seed < first + histories; seed++) {
    const world = new World(seed, { makeSync, makeList });
    await world.run(120);
    assert.equal(world.difference(), '', `seed ${seed}`);
  }
});
