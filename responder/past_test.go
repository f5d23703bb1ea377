package responder

import (
	"testing"
	"time"
)

// TestTheJournalIsReadFromATime holds that brokers are asked for a time, whatever a request
// says when it was sent.
func TestTheJournalIsReadFromATime(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	margin := clockMargin.Milliseconds()
	for name, tt := range map[string]struct {
		since time.Time
		want  int64
	}{
		"now":                {now, now.UnixMilli() - margin},
		"ahead":              {now.Add(time.Hour), now.UnixMilli() - margin},
		"before":             {now.Add(-time.Hour), now.Add(-time.Hour).UnixMilli() - margin},
		"1970":               {time.Unix(0, 0), 0},
		"a minute after":     {time.Unix(60, 0), 0},
		"no time":            {time.Time{}, 0},
		"what no clock says": {time.UnixMilli(-1 << 62), 0},
	} {
		if got := readFrom(tt.since, now); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
}
