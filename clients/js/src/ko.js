// The words of the elements in Korean, those of their panels too. They are loaded when an
// element is Korean.
export const ko = {
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
