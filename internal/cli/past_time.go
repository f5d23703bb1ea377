package cli

import (
	"time"

	"github.com/spf13/pflag"
)

// PastTime is the value of a flag that names a time by RFC 3339, or how long ago it was.
type PastTime struct {
	text string
	time time.Time
	ago  time.Duration
}

var _ pflag.Value = (*PastTime)(nil)

// String implements pflag.Value.
func (t *PastTime) String() string { return t.text }

// Type implements pflag.Value.
func (t *PastTime) Type() string { return "time" }

// Set implements pflag.Value.
func (t *PastTime) Set(text string) error {
	if ago, err := time.ParseDuration(text); err == nil {
		if ago < 0 {
			return Usagef("%s ago is yet to come; leave the minus away", text)
		}
		*t = PastTime{text: text, ago: ago}
		return nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return Usagef("must be a time such as 2026-01-31T09:00:00Z, or how long ago, such as 72h, not %.80q", text)
	}
	*t = PastTime{text: text, time: at}
	return nil
}

// At returns the time that is meant, if it is now; zero if none was given.
func (t *PastTime) At(now time.Time) time.Time {
	if t.text != "" && t.time.IsZero() {
		return now.Add(-t.ago)
	}
	return t.time
}
