// The service worker of pushes: shows each of them, opens what is clicked, and closes
// what was read elsewhere. It fetches nothing for pages, so that it can break none. A
// registration is for one user: see device.js.
const self = globalThis;

const words = { en: 'You have new notifications', ko: '새 알림이 있습니다' };

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

self.addEventListener('push', (event) => event.waitUntil(show(event.data)));
self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data ?? {}));
});
self.addEventListener('message', (event) => {
  if (event.data?.type === 'belfry-state') event.waitUntil(settle(event.data));
});
self.addEventListener('pushsubscriptionchange', (event) => event.waitUntil(renew(event)));

/**
 * Shows a push, whatever it holds: browsers take the permission from those who stay
 * silent. The message has the declarative form (W3C Push API, "declarative push
 * message"), which Safari shows without a worker.
 */
async function show(data) {
  let message;
  try {
    message = data.json();
  } catch {
    // None, or not of ours.
  }
  const { title, navigate, body, lang, dir, tag, silent, icon, badge, image, timestamp, requireInteraction, data: more, app_badge: inner } = message?.notification ?? {};
  const said = { body, lang, dir, silent, icon, badge, image, timestamp, requireInteraction };
  for (const name of Object.keys(said)) if (said[name] == null) delete said[name];
  await Promise.all([
    count(message?.app_badge ?? inner),
    self.registration.showNotification(title || (words[(lang ?? self.navigator.language ?? '').split('-')[0]] ?? words.en), {
      // A repeat takes the place of the first one.
      ...said, tag: tag || 'belfry', data: { ...(typeof more === 'object' ? more : {}), navigate },
    }),
  ]);
}

/** Shows the number of what is unread on the icon, where there is one. */
async function count(n) {
  if (n == null || !Number.isInteger(Number(n)) || n < 0) return;
  try {
    await self.navigator.setAppBadge?.(Number(n));
  } catch {
    // The page is not installed.
  }
}

/** Opens what a notification is about, in the window that shows it already or in a new one, and marks it read. */
async function open({ navigate, read }) {
  const to = address(navigate) ?? new URL('/', self.location.href).href;
  await Promise.all([go(to), mark(address(read))]);
}

async function go(to) {
  const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
  const there = windows.find((w) => w.url === to) ?? windows.find((w) => w.url.split('#')[0] === to.split('#')[0]);
  try {
    if (there) return await there.focus();
  } catch {
    // It is closing: another is opened.
  }
  return self.clients.openWindow(to);
}

// The link needs no token and no answer; that of another origin may not be seen.
async function mark(link) {
  if (!link) return;
  const mode = new URL(link).origin === self.location.origin ? 'same-origin' : 'no-cors';
  try {
    await self.fetch(link, { method: 'POST', mode, credentials: 'omit', keepalive: true });
  } catch {
    // It stays unread, and the page that opens may mark it.
  }
}

// An address that may be opened: http, https or relative.
function address(url) {
  try {
    const to = url && new URL(url, new URL('/', self.location.href));
    return to && /^https?:$/.test(to.protocol) ? to.href : undefined;
  } catch {
    return undefined;
  }
}

/** Closes what an open page knows to be read or gone, and shows its number. */
async function settle({ gone = [], unread }) {
  const over = new Set(gone);
  // Chromium drops a notification that it is asked for while it shows it.
  const shown = gone.length || unread === 0 ? await self.registration.getNotifications() : [];
  for (const notification of shown) {
    const seqs = notification.data?.seqs ?? [];
    if (unread === 0 || (seqs.length && seqs.every((seq) => over.has(seq)))) notification.close();
  }
  await count(unread);
}

/** Subscribes anew what the browser gave up; a page tells the server, which it alone has a token for. */
async function renew({ oldSubscription, newSubscription }) {
  const key = oldSubscription?.options?.applicationServerKey;
  if (!newSubscription && key) await self.registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
  for (const w of windows) w.postMessage({ type: 'belfry-renewed', scope: self.registration.scope });
}
