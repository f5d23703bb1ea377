// The signs of a bell outside of its element, where its attributes say so: title, icons,
// sound.
import { h } from './dom.js';

let icon; // the page's own

/** Shows the number of unread ones outside of a bell, and rings it if there are more of them. */
export function outside(bell, unread, more) {
  if (bell.hasAttribute('page-title')) {
    const bare = document.title.replace(/^\(\d+\+?\) /, '');
    const title = unread ? `(${unread > 99 ? '99+' : unread}) ${bare}` : bare;
    if (document.title !== title) document.title = title;
  }
  // Browsers refuse it where the page is not installed.
  if (bell.hasAttribute('app-badge')) navigator.setAppBadge?.(unread).catch(() => {});
  favicon(bell.getAttribute('favicon'), unread);
  if (more) ring(bell.getAttribute('sound'));
}

function favicon(at, unread) {
  if (at === null) return;
  const link = document.querySelector('link[rel~="icon"]') ?? document.head.appendChild(h('link', { rel: 'icon', href: '/favicon.ico' }));
  icon ??= link.href;
  if (at) link.href = unread ? at : icon;
  else paint(link, unread);
}

// Without an address of another icon the dot is painted onto the one that is there,
// for which a policy must let img-src have data:.
function paint(link, unread) {
  if (!unread) return void (link.href = icon);
  const img = new Image();
  img.onload = () => {
    const canvas = h('canvas', { width: 64, height: 64 });
    const c = canvas.getContext('2d');
    c.drawImage(img, 0, 0, 64, 64);
    c.fillStyle = '#d3302c';
    c.arc(46, 18, 17, 0, 7);
    c.fill();
    link.href = canvas.toDataURL();
  };
  img.src = icon;
}

// Of several tabs the one that gets the lock is heard.
function ring(at) {
  if (at === null) return;
  const play = async () => {
    if (at) return new Audio(at).play();
    const context = new AudioContext();
    const gain = context.createGain();
    gain.connect(context.destination);
    gain.gain.setValueAtTime(0.12, context.currentTime);
    gain.gain.exponentialRampToValueAtTime(0.001, context.currentTime + 0.9);
    for (const [frequency, after] of [[880, 0], [1318.5, 0.12]]) {
      const tone = context.createOscillator();
      tone.frequency.value = frequency;
      tone.connect(gain);
      tone.start(context.currentTime + after);
      tone.stop(context.currentTime + 0.9);
      tone.onended = () => after && context.close();
    }
  };
  // Before the first click on a page browsers refuse sound.
  const once = () => play().catch(() => {}).then(() => new Promise((done) => setTimeout(done, 1000)));
  if (navigator.locks) navigator.locks.request('belfry-sound', { ifAvailable: true }, (lock) => lock && once());
  else if (!document.hidden) once();
}
