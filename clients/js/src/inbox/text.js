// The words of an inbox in English: see ../text.js.
export const en = {
  all: 'All', unreadOnly: 'Unread only', important: 'Important first', archive: 'Archived',
  markAll: 'Mark all as read', keys: 'Keyboard shortcuts', settings: 'Settings', filters: 'Filters', more: 'Actions',
  read: 'Mark as read', again: 'Mark as unread', put: 'Archive', back: 'Move to inbox', remove: 'Delete', undo: 'Undo',
  later: 'Snooze', now: 'Show now',
  scheduled: 'Scheduled', noScheduled: 'Nothing scheduled',
  done_later: 'Snoozed until {when}',
  isUnread: 'Unread', urgent: 'Urgent', high: 'Important', rest: 'Everything else', pinned: 'Announcements', pending: 'On its way…', times: '{n} times',
  others1: '{names} and {n} other', others: '{names} and {n} others',
  caughtUp: 'You’re all caught up', comes: 'What comes in shows up here by itself.',
  noUnread: 'Nothing unread', noArchive: 'Nothing archived', showAll: 'Show all',
  loading: 'Loading…', older: 'Show older', end: 'That’s all',
  offline: 'You’re offline. This is what was there last.',
  signedOut: 'You’re signed out.', signIn: 'Sign in',
  done_put: 'Archived', done_back: 'Moved to inbox', done_remove: 'Deleted', done_removes: '{n} deleted', failed: 'That did not work: {why}',
  one: 'New: {title}',
};
