// Client and lists are what others follow.

/**
 * Gives target a `state` that is another object whenever a part of it changed, and
 * `subscribe`, whose listeners hear of all changes of one task once. Returns
 * `set(changes)` and `leave()`, after which nobody hears of any.
 */
export function watched(target, state) {
  const listeners = new Set();
  let told;
  target.state = state;
  target.subscribe = (listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  const set = (changes) => {
    const now = { ...target.state, ...changes };
    if (Object.keys(now).every((key) => now[key] === target.state[key])) return;
    target.state = now;
    if (told) return;
    told = true;
    queueMicrotask(() => {
      told = false;
      for (const listener of listeners) listener();
    });
  };
  return [set, () => listeners.clear()];
}
