package inbox_test

import (
	"fmt"
	"testing"

	"github.com/belfry/belfry/inbox"
)

// full is a row at the cap, of a user who has read half of it and whose items hide
// nothing and stand for nobody but themselves.
func full(b *testing.B) inbox.State {
	b.Helper()
	var s inbox.State
	for i := range inbox.DefaultCap {
		r := notify(fmt.Sprint("n", i), category([]string{"order", "board", "approval"}[i%3]))
		if i%5 == 0 {
			r = with(r, expires(100_000))
		}
		s.Apply(&r, inbox.Input{Position: inbox.Position{Epoch: 1, Offset: int64(i)}, Time: clock(i)})
	}
	r := upTo(read, inbox.DefaultCap/2, "")
	s.Apply(&r, inbox.Input{Position: inbox.Position{Epoch: 1, Offset: inbox.DefaultCap}, Time: clock(inbox.DefaultCap)})
	return s
}

func BenchmarkApply(b *testing.B) {
	plain, alike := notify(""), with(notify(""), collapse("k"))
	for name, bench := range map[string]struct {
		record inbox.Record
		want   inbox.Outcome
	}{
		"notify": {plain, inbox.Applied}, "collapse": {alike, inbox.Applied},
		"read": {upTo(read, 40, ""), inbox.Unchanged}, "touch": {touch(), inbox.Unchanged},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			s, offset := full(b), int64(inbox.DefaultCap)
			for b.Loop() {
				offset++
				if got := s.Apply(&bench.record, inbox.Input{Position: inbox.Position{Epoch: 1, Offset: offset}, Time: clock(200)}).Outcome; got != bench.want {
					b.Fatalf("the record is %s, want it %s", got, bench.want)
				}
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	s, now := full(b), clock(200)
	b.Run("counts", func(b *testing.B) {
		for b.Loop() {
			if got := s.Counts(now); got.Unread != inbox.DefaultCap/2 {
				b.Fatalf("%d are unread", got.Unread)
			}
		}
	})
	b.Run("page", func(b *testing.B) {
		for b.Loop() {
			if got, _ := s.Page(inbox.PageQuery{Limit: 20}, now); len(got) != 20 {
				b.Fatalf("a page of %d", len(got))
			}
		}
	})
	b.Run("since", func(b *testing.B) {
		for b.Loop() {
			if got, ok := s.Since(s.Version-1, now); !ok || len(got.Read) != inbox.DefaultCap/2 {
				b.Fatalf("%d are read since, %t", len(got.Read), ok)
			}
		}
	})
}
