package senders

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// noticeInterval is the time between two lines of one cause; maxCauses is how many causes
// are told apart within it.
const (
	noticeInterval = time.Minute
	maxCauses      = 1000
)

// notices knows what was logged lately. Its zero value is ready.
type notices struct {
	mu     sync.Mutex
	causes map[string]*notice
}

type notice struct {
	at   time.Time // of the last line
	more int       // not logged since
}

// sometimes returns a logger once a minute for each cause, and how many more there were
// since the last line; nil in between.
func (s *Sender) sometimes(cause ...string) (*slog.Logger, int) {
	key, now := strings.Join(cause, "\x00"), time.Now()
	s.notices.mu.Lock()
	defer s.notices.mu.Unlock()
	last := s.notices.causes[key]
	if last == nil {
		if len(s.notices.causes) >= maxCauses {
			s.notices.causes = nil
		}
		if s.notices.causes == nil {
			s.notices.causes = map[string]*notice{}
		}
		s.notices.causes[key] = &notice{at: now}
		return s.Log, 0
	}
	if now.Sub(last.at) < noticeInterval {
		last.more++
		return nil, 0
	}
	more := last.more
	last.more, last.at = 0, now
	return s.Log, more
}

// tell logs an answer that somebody may have to do something about.
func (d *decision) tell(service string, said Answer) {
	var follows string
	level := slog.LevelWarn
	switch said.Result {
	case Accepted, Gone:
		return
	case Unanswered:
		follows = "it counts as sent, and the service is asked by one decision at a time"
	case Limited:
		follows = "what is for it waits, or is sent later"
	case Unavailable, Unreachable:
		follows = "what is for it is sent later, and the service is asked by one decision at a time"
	case Unauthorized:
		follows = "this subscription is not reached: if others of the service are refused too, check that --vapid-key-file is the key that browsers subscribed with, --vapid-subject, and this machine's clock"
	case Rejected:
		follows = "it is tried again later"
	}
	if log, more := d.sometimes("answer", service, string(said.Result)); log != nil {
		log.Log(context.Background(), level, "message not accepted by a service", "channel", d.Channel, "service", service, "answer", said.Result, "detail", said.Detail, "follows", follows, "more", more)
	}
}
