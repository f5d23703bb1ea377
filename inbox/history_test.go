package inbox_test

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

// history folds records into one row, one a second, and holds what must be
// true of every fold.
type history struct {
	t       *testing.T
	state   inbox.State
	in      inbox.Input // of the next record
	effects inbox.Effects
}

func newHistory(t *testing.T) *history {
	return &history{t: t, in: inbox.Input{Position: inbox.Position{Epoch: 7}, Time: clock(0)}}
}

// clock is the time of the record at that offset of a history that did not wait.
func clock(second int) time.Time {
	return time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC).Add(time.Duration(second) * time.Second)
}

func (h *history) do(records ...inbox.Record) *history {
	h.t.Helper()
	for _, r := range records {
		before, kept := h.state, deepCopy(h.state)
		want := h.state.Base + uint64(h.in.Offset) + 1
		if h.state.Epoch != h.in.Epoch {
			want = h.state.Version + uint64(h.in.Offset) + 1
		}
		h.state, h.effects = inbox.Fold(before, r, h.in)
		if !reflect.DeepEqual(before, kept) {
			h.t.Fatalf("fold of %s modified the row it was given", r.Kind)
		}
		if h.state.Version != want {
			h.t.Fatalf("version after %s = %d, want %d", r.Kind, h.state.Version, want)
		}
		h.in.Offset++
		h.in.Time = h.in.Time.Add(time.Second)
	}
	return h
}

// again folds a record that the row has already and returns its effects.
func (h *history) again(r inbox.Record, offset int64) inbox.Effects {
	h.t.Helper()
	in := h.in
	in.Offset = offset
	in.Time = h.in.Time.Add(time.Duration(offset-h.in.Offset) * time.Second)
	got, effects := inbox.Fold(h.state, r, in)
	if !sameRow(got, h.state) {
		h.t.Fatalf("redelivery of offset %d changed the row:\n%s\nwas\n%s", offset, row(got), row(h.state))
	}
	return effects
}

// option completes a record.
type option func(*inbox.Record)

func notify(id string, options ...option) inbox.Record {
	r := inbox.Record{Kind: inbox.KindNotify, Notification: belfry.Notification{
		ID: id, Source: "shop", Title: belfry.PlainText("about " + id),
	}}
	return with(r, options...)
}

func with(r inbox.Record, options ...option) inbox.Record {
	for _, o := range options {
		o(&r)
	}
	return r
}

func collapse(key string) option {
	return func(r *inbox.Record) { r.Notification.CollapseKey = key }
}

func category(name string) option {
	return func(r *inbox.Record) { r.Notification.Category = name }
}

func priority(p belfry.Priority) option {
	return func(r *inbox.Record) { r.Notification.Priority = p }
}

func expires(second int) option {
	return func(r *inbox.Record) { r.Notification.ExpiresAt = clock(second) }
}

func rule(name string) option { return func(r *inbox.Record) { r.Rule = name } }

// routed gives a record the origin of (offset, index) in partition p of topic 1.
func routed(p int32, offset int64, index int32) option {
	return func(r *inbox.Record) {
		r.Origin = inbox.Origin{TopicID: [16]byte{1}, Partition: p, Offset: offset, Index: index}
	}
}

func seqs(k inbox.Kind, seqs ...uint64) inbox.Record { return inbox.Record{Kind: k, Seqs: seqs} }

func upTo(k inbox.Kind, seq uint64, category string) inbox.Record {
	return inbox.Record{Kind: k, UpTo: seq, Category: category}
}

func retract(id string, options ...option) inbox.Record {
	return with(inbox.Record{Kind: inbox.KindRetract, Retraction: belfry.Retraction{Source: "shop", ID: id}}, options...)
}

func retractKey(key string) inbox.Record {
	return inbox.Record{Kind: inbox.KindRetract, Retraction: belfry.Retraction{CollapseKey: key}}
}

func erase() inbox.Record { return inbox.Record{Kind: inbox.KindErase} }

func touch() inbox.Record { return inbox.Record{Kind: inbox.KindTouch} }

// items writes the items of a row as "1 2s 3ra 5x2<4": the seq, then s for seen
// or r for read, a for archived, and how many it stands for and what it
// replaced.
func items(s inbox.State) string {
	var b strings.Builder
	for i, e := range s.Items {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprint(&b, e.Seq)
		switch {
		case e.Read && e.Seen:
			b.WriteByte('r')
		case e.Read:
			b.WriteString("(read but not seen)")
		case e.Seen:
			b.WriteByte('s')
		}
		if e.Archived {
			b.WriteByte('a')
		}
		if e.Count != 1 || e.Replaces != 0 {
			fmt.Fprintf(&b, "x%d<%d", e.Count, e.Replaces)
		}
	}
	return b.String()
}

// removals writes what a row remembers as gone, as "seq@version …".
func removals(s inbox.State) string {
	var b []string
	for _, r := range s.Removals {
		b = append(b, fmt.Sprintf("%d@%d", r.Seq, r.Version))
	}
	return strings.Join(b, " ")
}

func row(s inbox.State) string {
	return fmt.Sprintf("epoch %d base %d version %d horizon %d\nitems %+v\nremovals %+v\nwatermarks %+v",
		s.Epoch, s.Base, s.Version, s.Horizon, s.Items, s.Removals, s.Watermarks)
}

// sameRow compares two rows but for the difference between nil and empty.
func sameRow(a, b inbox.State) bool {
	return a.Epoch == b.Epoch && a.Base == b.Base && a.Version == b.Version && a.Horizon == b.Horizon &&
		slices.Equal(a.Items, b.Items) && slices.Equal(a.Removals, b.Removals) &&
		slices.Equal(a.Watermarks, b.Watermarks) && bytes.Equal(a.Extra, b.Extra)
}

// deepCopy shares no memory with s, whatever a row comes to hold.
func deepCopy(s inbox.State) inbox.State {
	return cloned(reflect.ValueOf(s)).Interface().(inbox.State)
}

func cloned(v reflect.Value) reflect.Value {
	switch kind := v.Kind(); {
	case kind == reflect.Pointer && !v.IsNil():
		p := reflect.New(v.Type().Elem())
		p.Elem().Set(cloned(v.Elem()))
		return p
	case kind == reflect.Slice && !v.IsNil():
		c := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			c.Index(i).Set(cloned(v.Index(i)))
		}
		return c
	case kind == reflect.Struct:
		c := reflect.New(v.Type()).Elem()
		c.Set(v)
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				c.Field(i).Set(cloned(v.Field(i)))
			}
		}
		return c
	}
	return v
}

// foldCase is a history and what its last record must have done.
type foldCase struct {
	name     string
	cap      int
	records  []inbox.Record
	outcome  inbox.Outcome
	items    string   // as items writes them
	removals string   // as removals writes them
	removed  []uint64 // contents the last record removes
	item     uint64   // seq of the content it writes, 0 for none
}

func runFoldCases(t *testing.T, cases []foldCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := newHistory(t)
			h.in.Cap = c.cap
			h.do(c.records...)
			if got := h.effects.Outcome; got != c.outcome {
				t.Errorf("outcome = %s, want %s", got, c.outcome)
			}
			if got := items(h.state); got != c.items {
				t.Errorf("items = %q, want %q", got, c.items)
			}
			if got := removals(h.state); got != c.removals {
				t.Errorf("removals = %q, want %q", got, c.removals)
			}
			if got := h.effects.Removed; !slices.Equal(got, c.removed) {
				t.Errorf("contents removed = %v, want %v", got, c.removed)
			}
			if got := itemSeq(h.effects); got != c.item {
				t.Errorf("content written has seq %d, want %d", got, c.item)
			}
		})
	}
}

func itemSeq(e inbox.Effects) uint64 {
	if e.Item == nil {
		return 0
	}
	return e.Item.Seq
}
