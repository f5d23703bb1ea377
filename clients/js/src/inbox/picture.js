// The picture of whom an item is of.
import { bell, h, icon } from '#dom';

/** Shows the picture of a row, if its address is `safe`, and what stands for it while there is none: initials, or a bell. */
export function picture({ avatar, item: { actor } }, safe) {
  const name = actor?.name || actor?.id || '';
  const src = safe(actor?.avatar);
  const key = `${name}\n${src}`;
  if (avatar.dataset.of === key) return;
  avatar.dataset.of = key;
  let hue = 0;
  for (const c of name) hue = (hue * 31 + c.codePointAt(0)) % 360;
  if (name) avatar.style.setProperty('--hue', hue);
  avatar.replaceChildren(name ? h('bdi', null, initials(name)) : icon(bell));
  if (!src) return;
  const img = h('img', { alt: '', referrerpolicy: 'no-referrer', onload: () => avatar.dataset.of === key && avatar.replaceChildren(img) });
  img.src = src;
}

function initials(name) {
  const words = name.trim().split(/[\s._-]+/).filter(Boolean);
  const first = (word) => [...(word ?? '')][0] ?? '';
  const one = first(words[0]);
  // Names in Hangul, Han or Kana are known by their end.
  if (/[\p{sc=Hangul}\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}]/u.test(one)) return [...words.at(-1)].slice(-2).join('');
  return (one + (words.length > 1 ? first(words.at(-1)) : '')).toLocaleUpperCase();
}
