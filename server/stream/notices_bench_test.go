package stream

import (
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
	"github.com/belfry/belfry/internal/servertest"
)

// posted is tables in which all users have the same row, encoded, and a board beside it.
type posted struct {
	alike
	board *board.Board
	item  inbox.Item // of the last notice, decoded once for all as views do
}

func (f *posted) Item(string, uint64) (inbox.Item, bool, error) { return f.item, true, nil }

func (f *posted) RowInto(memory *inbox.State, _ string) (inbox.State, error) {
	version, _ := codec.RowVersion(*f.row.Load())
	row, err := f.decode(memory, f.board.Coming(version))
	return f.board.ShowOwned(row), err
}

// BenchmarkNotice is a notice to 10,000 users with a stream and three items each: what
// all of them cost, in time and in memory, up to the connection.
func BenchmarkNotice(b *testing.B) {
	const users = 10_000
	f := &posted{board: board.New(board.Row{}).Begin(7, 0)}
	version := int64(0)
	at := func() inbox.Input {
		version++
		return inbox.Input{Position: inbox.Position{Epoch: 7, Offset: version}, Time: time.Now(), Cap: 100}
	}
	var state inbox.State
	for i := range 3 {
		var effects inbox.Effects
		state, effects = inbox.Fold(state, servertest.Note(fmt.Sprint("A title about as long as they are ", i)), at())
		f.item = *effects.Item
	}
	row, err := codec.EncodeState(&state)
	if err != nil {
		b.Fatal(err)
	}
	f.row.Store(&row)
	s := New(Config{Rows: f, Items: f, Logger: slog.New(slog.DiscardHandler), Wakes: 1 << 30})
	s.pingEvery, s.spread = time.Hour, 1
	var written sync.WaitGroup
	written.Add(users)
	for i := range users {
		attach(s, fmt.Sprint("user-", i), sink{func([]byte) { written.Done() }})
	}
	written.Wait()
	b.ReportAllocs()
	for b.Loop() {
		next, effects := board.Fold(f.board, servertest.Notice("all", fmt.Sprint("Notice ", version)), at())
		f.board, f.item = next, *effects.Item
		written.Add(users)
		s.boardChanged(0)
		written.Wait()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/users, "ns/user")
}
