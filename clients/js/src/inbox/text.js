// The words of an inbox's list in English: see ../text.js.
export const en = {
  isUnread: 'Unread', urgent: 'Urgent', high: 'Important', rest: 'Everything else', pinned: 'Announcements', pending: 'On its way…', times: '{n} times',
  others1: '{names} and {n} other', others: '{names} and {n} others',
  caughtUp: 'You’re all caught up', comes: 'What comes in shows up here by itself.',
  loading: 'Loading…',
  offline: 'You’re offline. This is what was there last.',
  signedOut: 'You’re signed out.', signIn: 'Sign in',
};
