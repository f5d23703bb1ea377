package inbox_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

// partition is one with its rows, folded as an owner does.
type partition struct {
	own  inbox.State
	rows map[string]inbox.State
	base uint64
	even bool
}

// begin is the start of a session in an epoch.
func (p *partition) begin(epoch uint32) {
	if p.own.Epoch == epoch {
		p.base, p.even = p.own.Base, true
		return
	}
	found := inbox.Bases{Epoch: epoch}
	found.Add(p.own.Epoch, p.own.Base, p.own.Version)
	for _, s := range p.rows {
		found.Add(s.Epoch, s.Base, s.Version)
	}
	if p.base, p.even = found.Base(); p.even {
		p.own = inbox.State{Epoch: epoch, Base: p.base, Version: p.base}
	}
}

func (p *partition) fold(user string, epoch uint32, offset int64) inbox.State {
	s, _ := inbox.Fold(p.rows[user], inbox.Record{Kind: inbox.KindNotify, Notification: belfry.Notification{
		ID: fmt.Sprint(epoch, "/", offset), Source: "test", Title: belfry.PlainText("x")}},
		inbox.Input{Position: inbox.Position{Epoch: epoch, Offset: offset}, Time: time.UnixMilli(offset), Base: p.base})
	p.rows[user] = s
	return s
}

// Journals that are created anew, and installations that get other partitions, go on
// with higher versions, and every row of a partition with the same base.
func TestBasesOverEpochsAndGrowth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		users := []string{"a", "b", "c", "d", "e", "f"}
		parts := []*partition{{rows: map[string]inbox.State{}}}
		home := map[string]int{} // all in the first
		last := map[string]uint64{}
		// Rows of an earlier release, which had a base for each.
		if rapid.Bool().Draw(t, "of before") {
			for _, u := range users[:3] {
				base := rapid.Uint64Range(0, 50).Draw(t, "base")
				s := inbox.State{Epoch: 1, Base: base, Version: base + rapid.Uint64Range(1, 50).Draw(t, "more")}
				parts[0].rows[u], last[u] = s, s.Version
			}
		}
		epoch := uint32(1)
		offsets := []int64{60} // behind what the rows of before have
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0: // a new journal
				epoch++
				clear(offsets)
			case 1: // other partitions, and with them another journal
				epoch++
				n := rapid.IntRange(1, 4).Draw(t, "partitions")
				grown := make([]*partition, n)
				for i := range grown {
					grown[i] = &partition{rows: map[string]inbox.State{}}
				}
				for _, u := range users {
					to := rapid.IntRange(0, n-1).Draw(t, "to")
					if s, ok := parts[home[u]].rows[u]; ok {
						grown[to].rows[u] = s
					}
					home[u] = to
				}
				parts, offsets = grown, make([]int64, n)
			}
			u := rapid.SampledFrom(users).Draw(t, "user")
			p := parts[home[u]]
			p.begin(epoch) // each session, whatever happened before
			s := p.fold(u, epoch, offsets[home[u]])
			offsets[home[u]] += rapid.Int64Range(1, 9).Draw(t, "records")
			if s.Version <= last[u] {
				t.Fatalf("%s went from version %d to %d", u, last[u], s.Version)
			}
			last[u] = s.Version
			if !p.even {
				continue
			}
			for name, row := range p.rows {
				if row.Epoch == epoch && row.Base != p.base || row.Epoch != epoch && row.Version > p.base {
					t.Fatalf("row of %s: epoch %d, base %d, version %d; the partition's base is %d", name, row.Epoch, row.Base, row.Version, p.base)
				}
			}
		}
	})
}

// Versions are fixed for good: they are in rows, cursors and clients.
func TestVersionsOverEpochs(t *testing.T) {
	p := partition{rows: map[string]inbox.State{}}
	var got []string
	for _, step := range []struct {
		user   string
		epoch  uint32
		offset int64
	}{{"a", 7, 0}, {"b", 7, 1}, {"a", 7, 2}, {"b", 8, 0}, {"c", 8, 1}, {"a", 8, 2}, {"c", 9, 0}, {"d", 9, 5}} {
		p.begin(step.epoch)
		s := p.fold(step.user, step.epoch, step.offset)
		got = append(got, fmt.Sprintf("%s %s base %d", step.user, s.Cursor(), s.Base))
	}
	want := []string{
		"a 7.1 base 0",
		"b 7.2 base 0",
		"a 7.3 base 0",
		"b 8.1099511627777 base 1099511627776",
		"c 8.1099511627778 base 1099511627776",
		"a 8.1099511627779 base 1099511627776",
		"c 9.2199023255553 base 2199023255552",
		"d 9.2199023255558 base 2199023255552",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

func TestBases(t *testing.T) {
	type row struct {
		epoch         uint32
		base, version uint64
	}
	for _, tt := range []struct {
		name string
		rows []row
		want uint64
		even bool
	}{
		{"none", nil, 0, true},
		{"rows that nobody has written to", []row{{7, 3, 0}}, 0, true},
		{"one journal", []row{{7, 0, 3}, {7, 0, 9}}, 0, true},
		{"a new journal", []row{{6, 0, 3}, {5, 0, 9}}, inbox.BaseStep, true},
		{"exactly at a step", []row{{6, 0, inbox.BaseStep}}, inbox.BaseStep, true},
		{"above a step", []row{{6, 0, inbox.BaseStep + 1}}, 2 * inbox.BaseStep, true},
		{"a shared base", []row{{7, 20, 30}, {7, 20, 21}, {6, 0, 20}}, 20, true},
		{"a base for each row", []row{{7, 20, 30}, {7, 21, 22}}, 0, false},
		{"a row above the shared base", []row{{7, 20, 30}, {6, 0, 21}}, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for range 2 { // in any order
				b := inbox.Bases{Epoch: 7}
				for _, r := range tt.rows {
					b.Add(r.epoch, r.base, r.version)
				}
				if got, even := b.Base(); got != tt.want || even != tt.even {
					t.Errorf("got %d, %v, want %d, %v", got, even, tt.want, tt.even)
				}
				slices.Reverse(tt.rows)
			}
		})
	}
}
