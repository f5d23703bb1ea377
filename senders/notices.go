package senders

import "log/slog"

// sometimes returns the logger once a minute for each cause, and how many more there were
// of it since the last line; nil in between.
func (s *Sender) sometimes(cause ...string) (*slog.Logger, int) {
	return s.notices.Sometimes(s.Log, cause...)
}

// tell logs an answer that somebody may have to do something about.
func (d *decision) tell(service string, said Answer) {
	var follows string
	switch said.Result {
	case Accepted, Gone:
		return
	case Unanswered:
		follows = "it counts as sent, and the service is asked by one decision at a time"
	case Deferred:
		follows = "this user is sent to later"
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
		log.Warn("message not accepted by a service", "channel", d.Channel, "service", service, "answer", said.Result, "detail", said.Detail, "follows", follows, "more", more)
	}
}
