package stream

import (
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/bench/figures"
	"github.com/belfry/belfry/internal/servertest"
)

// alike is tables in which all users have the same row and contents, encoded.
type alike struct {
	row, content atomic.Pointer[[]byte]
	changed      func(user string, urgent uint64)
}

func (f *alike) RowInto(memory *inbox.State, _ string) (inbox.State, error) {
	return f.decode(memory, 0)
}

// decode decodes the row as views do.
func (f *alike) decode(memory *inbox.State, room int) (inbox.State, error) {
	row, err := codec.DecodeStateInto(*memory, *f.row.Load(), room)
	*memory = inbox.State{Items: row.Items, Removals: row.Removals}
	return row, err
}

func (f *alike) Item(string, uint64) (inbox.Item, bool, error) {
	item, err := codec.DecodeItem(*f.content.Load())
	return item, true, err
}

func (f *alike) WatchRows(func(string)) (stop func())   { return func() {} }
func (f *alike) WatchBoards(func(int32)) (stop func())  { return func() {} }
func (f *alike) WatchNotices(func(int32)) (stop func()) { return func() {} }
func (f *alike) Partition(string) int32                 { return 0 }

func (f *alike) WatchContents(_ func(string) bool, changed func(string, uint64)) (stop func()) {
	f.changed = changed
	return func() {}
}

// BenchmarkUrgentInAFlood is 10,000 users with a stream each and 100 items, all of whom
// get something of low priority at once, and then one more user something urgent: how
// long that takes to the stream, and how long all the others take. It is measured with
// the urgent item in its lane and, as before there was one, behind the others.
func BenchmarkUrgentInAFlood(b *testing.B) {
	const users = 10_000
	for _, lane := range []string{"lane", "no-lane"} {
		b.Run(lane, func(b *testing.B) {
			f := &alike{}
			var state inbox.State
			arrive := func() {
				r := servertest.Pressing(fmt.Sprint("A title about as long as they are ", state.Version), belfry.PriorityUrgent)
				position := inbox.Position{Epoch: 7, Offset: int64(state.Version)}
				next, effects := inbox.Fold(state, r, inbox.Input{Position: position, Time: time.Now(), Cap: 100})
				row, err := codec.EncodeState(&next)
				if err != nil {
					b.Fatal(err)
				}
				content, err := codec.EncodeItem(effects.Item)
				if err != nil {
					b.Fatal(err)
				}
				state = next
				f.content.Store(&content)
				f.row.Store(&row)
			}
			for range 100 {
				arrive()
			}
			s := New(Config{Rows: f, Items: f, Logger: slog.New(slog.DiscardHandler)})
			s.pingEvery = time.Hour
			var written sync.WaitGroup
			written.Add(users + 1)
			shown := make(chan time.Time, 1)
			for i := range users {
				attach(s, fmt.Sprint("user-", i), sink{func([]byte) { written.Done() }})
			}
			attach(s, "other", sink{func([]byte) { shown <- time.Now(); written.Done() }})
			written.Wait()
			<-shown
			var urgent, all []time.Duration
			for b.Loop() {
				written.Add(users + 1)
				arrive()
				start := time.Now()
				for i := range users {
					f.changed(fmt.Sprint("user-", i), 0)
				}
				came, seq := time.Now(), uint64(0)
				if lane == "lane" {
					seq = state.Version
				}
				f.changed("other", seq)
				urgent = append(urgent, (<-shown).Sub(came))
				written.Wait()
				all = append(all, time.Since(start))
			}
			slices.Sort(urgent)
			slices.Sort(all)
			b.ReportMetric(float64(figures.Quantile(urgent, .5).Microseconds()), "urgent-p50-µs")
			b.ReportMetric(float64(figures.Quantile(urgent, .99).Microseconds()), "urgent-p99-µs")
			b.ReportMetric(float64(figures.Quantile(all, .5).Milliseconds()), "all-p50-ms")
		})
	}
}
