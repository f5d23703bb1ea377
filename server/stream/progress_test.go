package stream

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/server/wire"
)

var stepTime = time.UnixMilli(1_000_000)

// stepRow is a row at version 9 of epoch 7 with those entries.
func stepRow(entries ...inbox.Entry) *inbox.State {
	return &inbox.State{Epoch: 7, Version: 9, Items: entries}
}

func entry(seq, version uint64) inbox.Entry {
	return inbox.Entry{Seq: seq, Version: version, Count: 1}
}

func expiring(seq uint64, in time.Duration) inbox.Entry {
	e := entry(seq, seq)
	e.ExpiresAt = stepTime.Add(in).UnixMilli()
	return e
}

// knows is a live client that knows all up to version.
func knows(version uint64) progress {
	return progress{phase: phaseLive, delivered: version, id: inbox.Cursor{Epoch: 7, Version: version}, sentID: true}
}

func TestProgressStep(t *testing.T) {
	urgent, high, low := entry(7, 7), entry(8, 8), entry(6, 6)
	urgent.Priority, high.Priority, low.Priority = belfry.PriorityUrgent, belfry.PriorityHigh, belfry.PriorityLow
	lateUrgent := entry(9, 9)
	lateUrgent.Priority = belfry.PriorityUrgent
	back := entry(2, 8)
	back.Unarchived = 8
	archived := entry(3, 8)
	archived.Archived, archived.Seen = true, true
	removed := stepRow(entry(5, 5))
	removed.Removals = []inbox.Removal{{Seq: 4, Version: 6}, {Seq: 0, Version: 7, Hash: 1}, {Seq: 2, Version: 9}}
	forgetful := stepRow()
	forgetful.Horizon = 5
	renewed := stepRow(entry(9, 9))
	renewed.Epoch, renewed.Base = 8, 8

	for _, tt := range []struct {
		name    string
		from    progress
		row     *inbox.State
		lacking []uint64 // without content
		want    string   // events, "event seqs@id"
		next    func(*progress)
		wake    time.Duration
	}{
		{name: "fresh", from: newProgress(""), row: stepRow(entry(1, 1)),
			want: "unread@7.9", next: func(p *progress) { *p = knows(9) }},
		{name: "fresh, nothing known", from: newProgress(""), row: &inbox.State{},
			want: "unread@0.0", next: func(p *progress) { *p = progress{phase: phaseLive, sentID: true} }},
		{name: "malformed", from: newProgress("x"), row: stepRow(entry(1, 1)),
			want: "resync@7.9", next: func(p *progress) { *p = knows(9) }},
		{name: "malformed, content missing", from: newProgress("x"), row: stepRow(entry(1, 1), entry(2, 2)), lacking: []uint64{2},
			want: "resync@7.9", next: func(p *progress) { *p = knows(9); p.pending = []uint64{2} }},
		{name: "other epoch", from: newProgress("6.8"), row: stepRow(entry(1, 1)),
			want: "resync@7.9", next: func(p *progress) { *p = knows(9) }},
		{name: "of the future", from: newProgress("7.10"), row: stepRow(), wake: wire.MaxWait,
			next: func(p *progress) { p.until = stepTime.Add(wire.MaxWait) }},
		{name: "of the future, after the wait", from: progress{phase: phaseResuming, delivered: 12, id: inbox.Cursor{Epoch: 7, Version: 12}, until: stepTime}, row: stepRow(entry(1, 1)),
			want: "resync@7.12", next: func(p *progress) { *p = knows(12); p.recheck = true }},
		{name: "of another epoch's future, after the wait", from: progress{phase: phaseResuming, delivered: 12, id: inbox.Cursor{Epoch: 6, Version: 12}, until: stepTime}, row: stepRow(),
			want: "resync@7.9", next: func(p *progress) { *p = knows(9) }},
		{name: "too old", from: newProgress("7.4"), row: forgetful,
			want: "resync@7.9", next: func(p *progress) { *p = knows(9) }},
		{name: "just not too old", from: newProgress("7.5"), row: forgetful,
			want: "unread@7.9", next: func(p *progress) { *p = knows(9) }},
		{name: "live, too old", from: knows(4), row: forgetful,
			want: "resync@7.9", next: func(p *progress) { *p = knows(9) }},
		{name: "live, row behind", from: knows(12), row: stepRow(entry(1, 1), expiring(2, -1))},
		{name: "resuming, nothing new", from: newProgress("7.9"), row: stepRow(entry(1, 1)),
			want: "ping@7.9", next: func(p *progress) { *p = knows(9) }},
		{name: "resuming from nothing", from: newProgress("0.0"), row: stepRow(entry(1, 1), entry(3, 4)),
			want: "item 1, item 3, unread@7.9", next: func(p *progress) { *p = knows(9) }},
		{name: "resuming, expired before", from: newProgress("7.9"), row: stepRow(expiring(1, -time.Hour), expiring(2, time.Minute)),
			want: "state removed[1], unread@7.9", next: func(p *progress) { *p = knows(9); p.gone = []uint64{1} }, wake: time.Minute},
		{name: "nothing new", from: knows(9), row: stepRow(entry(1, 1))},
		{name: "version alone", from: knows(8), row: stepRow(entry(1, 1)),
			want: "unread@7.9", next: func(p *progress) { *p = knows(9) }},
		{name: "new epoch", from: knows(8), row: renewed,
			want: "item 9, unread@8.9", next: func(p *progress) { *p = knows(9); p.id.Epoch = 8 }},
		{name: "the pressing first", from: knows(5), row: stepRow(low, urgent, high, entry(9, 9)),
			want: "item 7, item 8, item 6, item 9, unread@7.9", next: func(p *progress) { *p = knows(9) }},
		{name: "urgent before high", from: knows(5), row: stepRow(low, entry(7, 7), high, lateUrgent),
			want: "item 9, item 8, item 6, item 7, unread@7.9", next: func(p *progress) { *p = knows(9) }},
		{name: "all kinds of changes", from: knows(5), row: stepRow(back, archived, entry(4, 4), entry(5, 6), entry(9, 9)),
			want: "item 2, item 9, state unread[3 5] seen[3] archived[3], unread@7.9", next: func(p *progress) { *p = knows(9) }},
		{name: "removals", from: knows(5), row: removed,
			want: "state removed[2 4], unread@7.9", next: func(p *progress) { *p = knows(9) }},
		{name: "removals of the expired", row: removed, from: func() progress { p := knows(5); p.gone = []uint64{2}; return p }(),
			want: "state removed[2 4], unread@7.9", next: func(p *progress) { *p = knows(9) }},
		{name: "expired still, at the same version", row: stepRow(expiring(3, 0)), from: func() progress { p := knows(9); p.gone = []uint64{3}; return p }(),
			next: func(*progress) {}},
		{name: "expired still, at a higher version", row: stepRow(expiring(3, 0)), from: func() progress { p := knows(8); p.gone = []uint64{3}; return p }(),
			want: "state removed[3], unread@7.9", next: func(p *progress) { *p = knows(9); p.gone = []uint64{3} }},
		{name: "expired, before a resync", row: forgetful, from: func() progress { p := knows(4); p.gone = []uint64{3}; return p }(),
			want: "resync@7.9", next: func(p *progress) { *p = knows(9) }},
		{name: "late", from: knows(8), row: stepRow(expiring(1, time.Second), entry(9, 9)), lacking: []uint64{9},
			next: func(p *progress) { p.until = stepTime.Add(wire.MaxWait) }, wake: time.Second},
		{name: "late, after the wait", row: stepRow(entry(8, 8), entry(9, 9)), lacking: []uint64{8},
			from: func() progress { p := knows(5); p.until = stepTime; return p }(),
			want: "item 8 pending, item 9, unread@7.7", next: func(p *progress) { *p = knows(9); p.id.Version = 7; p.pending = []uint64{8} }},
		{name: "late and first", row: stepRow(entry(1, 1)), lacking: []uint64{1},
			from: progress{phase: phaseLive, until: stepTime},
			want: "item 1 pending, unread@0.0", next: func(p *progress) { *p = knows(9); p.id = inbox.Cursor{}; p.pending = []uint64{1} }},
		{name: "pending still", row: stepRow(entry(8, 8), entry(9, 9)), lacking: []uint64{8},
			from: func() progress { p := knows(8); p.id.Version = 7; p.pending = []uint64{8}; return p }(),
			want: "item 9, unread@7.7", next: func(p *progress) { p.delivered = 9 }},
		{name: "pending comes", row: stepRow(entry(8, 8), entry(9, 9)),
			from: func() progress { p := knows(9); p.id.Version = 7; p.pending = []uint64{8}; return p }(),
			want: "item 8, unread@7.9", next: func(p *progress) { *p = knows(9) }},
		{name: "pending comes changed", row: stepRow(entry(8, 9)),
			from: func() progress { p := knows(8); p.id.Version = 7; p.pending = []uint64{8}; return p }(),
			want: "item 8, unread@7.9", next: func(p *progress) { *p = knows(9) }},
		{name: "pending goes", row: removed,
			from: func() progress { p := knows(5); p.id.Version = 3; p.pending = []uint64{4}; return p }(),
			want: "state removed[2 4], unread@7.9", next: func(p *progress) { *p = knows(9) }},
		{name: "pending expires", row: stepRow(expiring(4, 0)), lacking: []uint64{4},
			from: func() progress { p := knows(9); p.id.Version = 3; p.pending = []uint64{4}; return p }(),
			want: "state removed[4], unread@7.9", next: func(p *progress) { *p = knows(9); p.gone = []uint64{4} }},
		{name: "pending, known from the list", row: stepRow(entry(2, 2), entry(9, 9)), lacking: []uint64{2},
			from: func() progress { p := knows(8); p.pending = []uint64{2}; return p }(),
			want: "item 9, unread@7.8", next: func(p *progress) { p.delivered = 9 }},
		{name: "pending, back from the archive", row: stepRow(back), lacking: []uint64{2},
			from: func() progress { p := knows(5); p.id.Version = 1; p.pending = []uint64{2}; return p }(),
			want: "item 2 pending, unread@7.1", next: func(p *progress) { p.delivered = 9 }},
		{name: "list after a resync", row: stepRow(entry(2, 2), expiring(3, 0)), lacking: []uint64{2, 3},
			from: func() progress { p := knows(9); p.recheck = true; return p }(),
			want: "state removed[3], unread@7.9",
			next: func(p *progress) { *p = knows(9); p.pending, p.gone = []uint64{2}, []uint64{3} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := fmt.Sprintf("%+v %+v", tt.from, *tt.row)
			out, next := tt.from.step(view{user: "u", row: tt.row, now: stepTime, contents: func(seq uint64) *inbox.Item {
				if slices.Contains(tt.lacking, seq) {
					return nil
				}
				return &inbox.Item{Seq: seq, Notification: belfry.Notification{Title: belfry.PlainText("t")}}
			}})
			if got := describe(out.events); got != tt.want {
				t.Errorf("frames: got %q, want %q", got, tt.want)
			}
			want := tt.from
			if tt.next != nil {
				tt.next(&want)
			}
			if !reflect.DeepEqual(next, want) {
				t.Errorf("progress: got %+v, want %+v", next, want)
			}
			var wake time.Duration
			if !out.wake.IsZero() {
				wake = out.wake.Sub(stepTime)
			}
			if wake != tt.wake {
				t.Errorf("wake: got in %v, want in %v", wake, tt.wake)
			}
			if after := fmt.Sprintf("%+v %+v", tt.from, *tt.row); after != before {
				t.Errorf("step changed its arguments: %s, was %s", after, before)
			}
			again, _ := next.step(view{user: "u", row: tt.row, now: stepTime, contents: func(seq uint64) *inbox.Item {
				if slices.Contains(tt.lacking, seq) {
					return nil
				}
				return &inbox.Item{Seq: seq}
			}})
			// Frames that a resync left out may follow; nothing else is said twice.
			if got := describe(again.events); got != "" && !strings.HasPrefix(tt.want, "resync") {
				t.Errorf("a second step sends %q", got)
			}
		})
	}
}

// describe returns the frames in short.
func describe(frames []wire.Event) string {
	var out []string
	for _, f := range frames {
		s := f.Name
		switch b := f.Data.(type) {
		case *wire.Item:
			s += fmt.Sprint(" ", b.Seq)
			if b.Pending {
				s += " pending"
			}
		case stateBody:
			for i, seqs := range [][]uint64{b.Read, b.Unread, b.Seen, b.Archived, b.Removed} {
				if len(seqs) > 0 {
					s += fmt.Sprint(" ", []string{"read", "unread", "seen", "archived", "removed"}[i], seqs)
				}
			}
		}
		if f.ID != "" {
			s += "@" + f.ID
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}
