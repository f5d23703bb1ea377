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
	for name, r := range map[string]inbox.Record{
		"notify": plain, "collapse": alike, "read": upTo(read, 40, ""), "touch": touch(),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			s, offset := full(b), int64(inbox.DefaultCap)
			for b.Loop() {
				offset++
				s.Apply(&r, inbox.Input{Position: inbox.Position{Epoch: 1, Offset: offset}, Time: clock(200)})
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	s, now := full(b), clock(200)
	b.Run("counts", func(b *testing.B) {
		for b.Loop() {
			s.Counts(now)
		}
	})
	b.Run("page", func(b *testing.B) {
		for b.Loop() {
			s.Page(inbox.PageQuery{Limit: 20}, now)
		}
	})
	b.Run("since", func(b *testing.B) {
		for b.Loop() {
			s.Since(s.Version-1, now)
		}
	})
}
