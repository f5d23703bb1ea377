// The ways out that the menu of an item offers, in the time zone of whoever looks at it.
import test from 'node:test';
import assert from 'node:assert/strict';

const source = process.env.BELFRY_SOURCE ?? '../src';
process.env.TZ = 'Europe/Berlin';
const { offers } = await import(`${source}/inbox/times.js`);

const said = (now) => offers(new Date(now).getTime()).map(([word, t]) => `${word} ${new Date(t).toLocaleString('sv')}`);

test('a weekday', () => {
  assert.deepEqual(said('2026-11-25T13:30:00+01:00'), [
    'hour 2026-11-25 14:30:00', 'evening 2026-11-25 18:00:00', 'tomorrow 2026-11-26 09:00:00', 'week 2026-11-30 09:00:00']);
});

test('this evening is not offered in the evening', () => {
  assert.deepEqual(said('2026-11-25T17:30:00+01:00').map((s) => s.split(' ')[0]), ['hour', 'tomorrow', 'week']);
});

test('on a Sunday next week is not tomorrow', () => {
  assert.deepEqual(said('2026-11-29T10:00:00+01:00').slice(2), ['tomorrow 2026-11-30 09:00:00', 'week 2026-12-07 09:00:00']);
});

test('on a Monday it is a week later', () => {
  assert.equal(said('2026-11-30T10:00:00+01:00').at(-1), 'week 2026-12-07 09:00:00');
});

test('nine in the morning is nine after the clocks were put back', () => {
  assert.equal(said('2026-10-24T10:00:00+02:00')[2], 'tomorrow 2026-10-25 09:00:00');
});
