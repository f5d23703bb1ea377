// The words of a bell in English. `{…}` is filled in. A page overrides any of them by the
// property `texts`, and adds a language by putting it into `languages`. What is loaded
// later has words of its own, which both override as well: inbox/text.js and
// inbox/settings.js. Korean's are in ko.js, but for those of the settings.
const en = {
  title: 'Notifications', close: 'Close', lost: 'Notifications cannot be reached.', retry: 'Try again',
  many: '{n} new notifications', news: 'A new notification',
  unseen: 'Notifications, {n} new', unseen0: 'Notifications, nothing new', unread: 'Notifications, {n} unread', unread0: 'Notifications, nothing unread', bellUrgent: '{n} urgent',
};

/** The words by language; a page may add to it before its elements are there. Korean's are loaded. */
export const languages = { en, ko: {} };

let korean; // whether its words are there

/** Returns a promise of the words of a language that are still to be loaded, undefined for any other. */
export const load = (language) => language !== 'ko' || korean ? undefined : import('./ko.js').then(({ ko }) => {
  languages.ko = { ...ko, ...languages.ko };
  korean = true;
});
