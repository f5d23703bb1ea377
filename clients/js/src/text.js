// The words of the elements, in English and Korean, and what Intl makes of times
// and lists. `{…}` is filled in. A page overrides any of them by the property
// `texts`, and adds a language by putting it into `languages`.
const en = {
  title: 'Notifications', all: 'All', unreadOnly: 'Unread only', important: 'Important first', archive: 'Archived',
  markAll: 'Mark all as read', keys: 'Keyboard shortcuts', settings: 'Settings', filters: 'Filters', more: 'Actions', close: 'Close',
  read: 'Mark as read', again: 'Mark as unread', put: 'Archive', back: 'Move to inbox', remove: 'Delete', undo: 'Undo',
  later: 'Snooze', until: 'Snooze until', now: 'Show now', hour: 'In an hour', evening: 'This evening', tomorrow: 'Tomorrow morning', week: 'Next week', own: 'Another time', set: 'Snooze',
  scheduled: 'Scheduled', noScheduled: 'Nothing scheduled', mute: 'Mute {name}', unmute: 'Unmute {name}', muted: 'Muted',
  done_later: 'Snoozed until {when}', done_mute: '{name} is muted', done_unmute: '{name} is no longer muted',
  isUnread: 'Unread', urgent: 'Urgent', high: 'Important', rest: 'Everything else', pending: 'On its way…', times: '{n} times',
  others1: '{names} and {n} other', others: '{names} and {n} others',
  caughtUp: 'You’re all caught up', comes: 'What comes in shows up here by itself.',
  noUnread: 'Nothing unread', noArchive: 'Nothing archived', showAll: 'Show all',
  loading: 'Loading…', older: 'Show older', end: 'That’s all', retry: 'Try again',
  offline: 'You’re offline. This is what was there last.', lost: 'Notifications cannot be reached.',
  signedOut: 'You’re signed out.', signIn: 'Sign in',
  done_put: 'Archived', done_back: 'Moved to inbox', done_remove: 'Deleted', done_removes: '{n} deleted', failed: 'That did not work: {why}',
  one: 'New: {title}', many: '{n} new notifications', news: 'A new notification',
  unseen: 'Notifications, {n} new', unseen0: 'Notifications, nothing new', unread: 'Notifications, {n} unread', unread0: 'Notifications, nothing unread', bellUrgent: '{n} urgent',
  kMove: 'Next, previous', kOpen: 'Open', kRead: 'Read, unread', kPut: 'Archive', kRemove: 'Delete', kUndo: 'Undo', kActions: 'To its buttons',
};

const ko = {
  title: '알림', all: '전체', unreadOnly: '안 읽은 알림만', important: '중요한 순', archive: '보관함',
  markAll: '모두 읽음으로 표시', keys: '단축키', settings: '설정', filters: '필터', more: '더보기', close: '닫기',
  read: '읽음으로 표시', again: '읽지 않음으로 표시', put: '보관', back: '받은 알림으로 이동', remove: '삭제', undo: '실행 취소',
  later: '다시 알림', until: '다시 알릴 시간', now: '지금 보기', hour: '1시간 후', evening: '오늘 저녁', tomorrow: '내일 아침', week: '다음 주', own: '직접 지정', set: '설정',
  scheduled: '예약됨', noScheduled: '예약된 알림이 없습니다', mute: '‘{name}’ 알림 끄기', unmute: '‘{name}’ 알림 켜기', muted: '꺼진 알림',
  done_later: '{when}에 다시 알려 드립니다', done_mute: '‘{name}’ 알림을 껐습니다', done_unmute: '‘{name}’ 알림을 켰습니다',
  isUnread: '읽지 않음', urgent: '긴급', high: '중요', rest: '그 외', pending: '곧 도착합니다…', times: '{n}회',
  others1: '{names} 외 {n}명', others: '{names} 외 {n}명',
  caughtUp: '모두 확인했습니다', comes: '새 알림이 오면 여기에 바로 나타납니다.',
  noUnread: '안 읽은 알림이 없습니다', noArchive: '보관한 알림이 없습니다', showAll: '전체 보기',
  loading: '불러오는 중…', older: '이전 알림 보기', end: '마지막 알림입니다', retry: '다시 시도',
  offline: '오프라인입니다. 마지막으로 받은 알림을 보여 드립니다.', lost: '알림을 불러올 수 없습니다.',
  signedOut: '로그아웃되었습니다.', signIn: '로그인',
  done_put: '보관했습니다', done_back: '받은 알림으로 옮겼습니다', done_remove: '삭제했습니다', done_removes: '{n}개를 삭제했습니다', failed: '처리하지 못했습니다: {why}',
  one: '새 알림: {title}', many: '새 알림 {n}개', news: '새 알림이 있습니다',
  unseen: '알림, 새 알림 {n} 개', unseen0: '알림, 새 알림 없음', unread: '알림, 안 읽은 알림 {n} 개', unread0: '알림, 안 읽은 알림 없음', bellUrgent: '긴급 {n}개',
  kMove: '다음, 이전', kOpen: '열기', kRead: '읽음, 읽지 않음', kPut: '보관', kRemove: '삭제', kUndo: '실행 취소', kActions: '버튼으로 이동',
};

/** The words by language; a page may add to it before its elements are there. */
export const languages = { en, ko };

export const fill = (text, values) => text.replace(/{(\w+)}/g, (_, name) => values[name]);

const day = 864e5; // ms
const midnight = (t) => new Date(t).setHours(0, 0, 0, 0);

/** The words of Intl in one language. Times are in ms; `now` is given, so that one picture has one. */
export function speech(lang) {
  const relative = new Intl.RelativeTimeFormat(lang, { numeric: 'auto', style: 'narrow' });
  const long = new Intl.RelativeTimeFormat(lang, { numeric: 'auto' });
  const format = (options) => new Intl.DateTimeFormat(lang, options);
  const clock = format({ timeStyle: 'short' });
  const soon = format({ weekday: 'short', month: 'numeric', day: 'numeric', hour: 'numeric', minute: '2-digit' });
  const date = format({ weekday: 'long', month: 'long', day: 'numeric' });
  const dated = format({ dateStyle: 'long' });
  const full = format({ dateStyle: 'full', timeStyle: 'short' });
  const names = new Intl.ListFormat(lang);
  const capital = (text) => text.charAt(0).toLocaleUpperCase(lang) + text.slice(1);
  // Days of the calendar, not of 24 hours: summer time begins and ends.
  const daysAgo = (t, now) => Math.round((midnight(now) - midnight(t)) / day);
  return {
    full: (t) => full.format(t),
    clock: (t) => clock.format(t),
    soon: (t) => soon.format(t),
    names: (list) => names.format(list),
    /** The heading of a day. */
    day(t, now) {
      const ago = daysAgo(t, now);
      return Math.abs(ago) < 2 ? capital(long.format(-ago, 'day')) : (Math.abs(ago) < 300 ? date : dated).format(t);
    },
    /** Under the heading of a day: minutes and hours, then the time of day. A clock that is ahead says "now". */
    ago(t, now) {
      const minutes = Math.floor((now - t) / 6e4);
      if (minutes < 1) return relative.format(0, 'second');
      if (minutes < 60) return relative.format(-minutes, 'minute');
      return daysAgo(t, now) < 1 ? relative.format(-Math.floor(minutes / 60), 'hour') : clock.format(t);
    },
  };
}
