package inbox_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/belfry/belfry/inbox"
)

// TestBounces has messages come back from an endpoint, each at a day and an hour.
func TestBounces(t *testing.T) {
	const day = 24 * time.Hour
	for _, tt := range []struct {
		name    string
		at      []time.Duration
		count   uint32 // 0: it is gone
		applied uint32
	}{
		{"once", []time.Duration{0}, 1, 1},
		{"many on one day", []time.Duration{0, 1, time.Hour, 3 * time.Hour, 23 * time.Hour}, 1, 1},
		{"on four days", []time.Duration{0, day, 2 * day, 3 * day}, 4, 4},
		{"on five days", []time.Duration{0, day, 2 * day, 3 * day, 4 * day}, 0, 5},
		{"on five days, weeks apart", []time.Duration{0, 29 * day, 58 * day, 87 * day, 116 * day}, 0, 5},
		{"and a month without one", []time.Duration{0, day, 2 * day, 3 * day, 34 * day}, 1, 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var row inbox.State
			fold := func(at time.Duration, r inbox.Record) inbox.Effects {
				in := inbox.Input{Position: inbox.Position{Epoch: 1, Offset: int64(row.Version)}, Time: clock(1).Add(at)}
				after, effects := inbox.Fold(row, r, in)
				row = after
				return effects
			}
			fold(0, endpoint(inbox.EndpointMail, "kim@example.com"))
			changed := row.Reach.EndpointsVersion
			counted := uint32(0)
			for _, at := range tt.at {
				if fold(at, inbox.Record{Kind: inbox.KindEndpointGone, Seqs: []uint64{1}, Soft: true, Reason: "452 4.2.2\r\n<kim@example.com>: mailbox full"}).Outcome == inbox.Applied {
					counted++
				}
			}
			if want := tt.applied; counted != want {
				t.Errorf("%d of %d changed the row, want %d", counted, len(tt.at), want)
			}
			const why = "452 4.2.2 <…@example.com>: mailbox full"
			if tt.count > 0 {
				e := row.Endpoints(inbox.EndpointMail)
				if len(e) != 1 || e[0].Bounces != tt.count || e[0].Bounce != why || row.Reach.EndpointsVersion != changed {
					t.Errorf("got %+v, endpoints changed at %d", e, row.Reach.EndpointsVersion)
				}
				return
			}
			if row.HoldsEndpoint(1) || len(row.Reach.Gone) != 1 || row.Reach.Gone[0].Reason != why || row.Reach.EndpointsVersion == changed {
				t.Errorf("got %+v", row.Reach)
			}
			// A late one says nothing of the address that a service gives next.
			fold(0, endpoint(inbox.EndpointMail, "kim@example.com"))
			if fold(0, inbox.Record{Kind: inbox.KindEndpointGone, Seqs: []uint64{1}, Soft: true}).Outcome != inbox.Unchanged || len(row.Endpoints(inbox.EndpointMail)) != 1 {
				t.Errorf("got %+v", row.Reach)
			}
			fold(0, inbox.Record{Kind: inbox.KindErase})
			if row.Reach.Gone[0].Reason != "" {
				t.Errorf("the reason of an erased user's address stays: %q", row.Reach.Gone[0].Reason)
			}
		})
	}
}

func TestReasonsAreCut(t *testing.T) {
	for text, want := range map[string]string{
		"550 5.1.1 <kim@example.com>: no\r\n such\x00user": "550 5.1.1 <…@example.com>: no such user",
		"to=kim.lee+a@example.com;a@b":                     "to=…@example.com;…@b",
		"":                                                 "",
	} {
		if got := inbox.CutReason(text); got != want {
			t.Errorf("%q is cut to %q, want %q", text, got, want)
		}
	}
	for _, long := range []string{strings.Repeat("a", 500), strings.Repeat("한", 200), "x" + strings.Repeat("한", 200), string([]byte{0xff, 'a', 0xfe})} {
		if got := inbox.CutReason(long); len(got) > inbox.MaxReasonBytes || !utf8.ValidString(got) || inbox.CutReason(got) != got {
			t.Errorf("%.20q… is cut to %d bytes, %q", long, len(got), got)
		}
	}
}
