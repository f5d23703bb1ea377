package processors

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/inbox"
)

func unreadOf(cap int) *Unread {
	u := NewUnread(Deps{Prefix: belfry.DefaultPrefix, Metrics: NewMetrics(prometheus.NewRegistry())}, cap)
	u.epoch.Store(7)
	return u
}

// logged is a journal of one recipient: what cannot be decoded among it.
type logged struct {
	records []*sarama.ConsumerMessage
	rows    map[int64][]byte // what naive folding leaves after each offset, nil for no row
	bad     map[int64]bool
}

func message(offset int64, value []byte) *sarama.ConsumerMessage {
	return &sarama.ConsumerMessage{Topic: "belfry.journal", Key: []byte("a"), Offset: offset, Value: value, Timestamp: time.UnixMilli(1_790_000_000_000 + offset*1000)}
}

func drawRecord(t *rapid.T, version uint64) inbox.Record {
	id := fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "id"))
	seqs := func() []uint64 { return []uint64{rapid.Uint64Range(1, version+1).Draw(t, "seq")} }
	switch rapid.IntRange(0, 9).Draw(t, "kind") {
	case 0:
		return inbox.Record{Kind: inbox.KindRead, Seqs: seqs()}
	case 1:
		return inbox.Record{Kind: inbox.KindDelete, Seqs: seqs()}
	case 2:
		return inbox.Record{Kind: inbox.KindArchive, UpTo: rapid.Uint64Range(1, version+1).Draw(t, "up to")}
	case 3:
		return inbox.Record{Kind: inbox.KindRetract, Retraction: belfry.Retraction{Source: "s", ID: id}}
	case 4:
		return inbox.Record{Kind: inbox.KindErase}
	}
	n := belfry.Notification{Source: "s", ID: id, Title: belfry.PlainText("title " + id), Category: rapid.SampledFrom([]string{"", "a"}).Draw(t, "category")}
	n.CollapseKey = rapid.SampledFrom([]string{"", "", "k"}).Draw(t, "collapse key")
	if rapid.Bool().Draw(t, "a time of its own") {
		n.Time = time.UnixMilli(1_780_000_000_000)
	}
	if rapid.IntRange(0, 4).Draw(t, "expires") == 0 {
		n.ExpiresAt = time.UnixMilli(1_790_000_000_000 + int64(rapid.IntRange(0, 40).Draw(t, "when"))*1000)
	}
	return inbox.Record{Kind: inbox.KindNotify, Notification: n}
}

func drawLog(t *rapid.T, cap int) *logged {
	l := &logged{rows: map[int64][]byte{}, bad: map[int64]bool{}}
	var state inbox.State
	var row []byte
	offset := int64(0)
	for range rapid.IntRange(1, 30).Draw(t, "records") {
		offset += int64(rapid.IntRange(1, 3).Draw(t, "gap"))
		if rapid.IntRange(0, 7).Draw(t, "bad") == 0 {
			l.bad[offset] = true
			l.records, l.rows[offset] = append(l.records, message(offset, []byte("garbage"))), row
			continue
		}
		r := drawRecord(t, state.Version)
		value, err := codec.EncodeRecord(r)
		if err != nil {
			t.Fatal(err)
		}
		m := message(offset, value)
		state, _ = inbox.Fold(state, r, inbox.Input{Position: inbox.Position{Epoch: 7, Offset: offset}, Time: m.Timestamp, Cap: cap})
		if row, err = codec.EncodeState(&state); err != nil {
			t.Fatal(err)
		}
		l.records, l.rows[offset] = append(l.records, m), row
	}
	return l
}

// tables are both, as their logs make them.
type tables struct {
	row      []byte
	contents map[string]bool
}

// missing are the items of the row whose contents are not there.
func (w *tables) missing(t *rapid.T) (out []string) {
	if w.row == nil {
		return nil
	}
	s, err := codec.DecodeState(w.row)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range s.Items {
		if key := inbox.ItemKey("a", e.Seq); !w.contents[key] {
			out = append(out, key)
		}
	}
	return out
}

// left are contents that are there though the row remembers that their items are
// gone. What it has forgotten is the sweep's.
func (w *tables) left(t *rapid.T) (out []string) {
	if w.row == nil {
		return nil
	}
	s, err := codec.DecodeState(w.row)
	if err != nil {
		t.Fatal(err)
	}
	for _, rm := range s.Removals {
		if key := inbox.ItemKey("a", rm.Seq); rm.Seq != 0 && w.contents[key] {
			out = append(out, key)
		}
	}
	return out
}

// TestBatchesAreWhatTheirRecordsWere folds a journal in batches of any size, and is
// killed between any two acknowledgements: each row that the table ever has is one
// that folding record by record would have left, no row lacks a content, and in
// the end nothing is lost, doubled or left over but what the row has forgotten.
func TestBatchesAreWhatTheirRecordsWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cap := rapid.IntRange(1, 4).Draw(t, "cap")
		l := drawLog(t, cap)
		u := unreadOf(cap)
		w := &tables{contents: map[string]bool{}}
		letters := map[int64]bool{}
		latest := -1 // record, of the row
		for at, kills := 0, 0; at < len(l.records); {
			size := rapid.IntRange(1, len(l.records)-at).Draw(t, "batch")
			batch := l.records[at : at+size]
			out, bad, err := u.foldBatch("kim", w.row, batch)
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range bad {
				if !l.bad[b.record.Offset] {
					t.Fatalf("the record at %d is set aside: %v", b.record.Offset, b.cause)
				}
				letters[b.record.Offset] = true
			}
			// The writes, in this order at the latest.
			var writes []func()
			for i := range out.steps {
				if s := &out.steps[i]; out.keeps(s) {
					writes = append(writes, func() { w.contents[inbox.ItemKey("a", s.seq)] = true })
				}
			}
			if out.row != nil {
				writes = append(writes, func() {
					w.row, latest = out.row, max(latest, at+size-1)
					if want := l.rows[l.records[latest].Offset]; string(w.row) != string(want) {
						t.Fatalf("the row after record %d is %x, want %x", latest, w.row, want)
					}
				})
			}
			for _, seq := range out.removed {
				writes = append(writes, func() { delete(w.contents, inbox.ItemKey("a", seq)) })
			}
			done := len(writes) + 1
			if kills < 6 {
				done = rapid.IntRange(0, len(writes)+1).Draw(t, "killed after")
			}
			for i, write := range writes {
				if i < done {
					write()
					if missing := w.missing(t); missing != nil {
						t.Fatalf("the row after record %d lacks the contents %v", latest, missing)
					}
				}
			}
			if done > len(writes) {
				at += size // committed
			} else {
				kills++
			}
		}
		if want := l.rows[l.records[len(l.records)-1].Offset]; string(w.row) != string(want) {
			t.Fatalf("the row is %x in the end, want %x", w.row, want)
		}
		if missing := w.missing(t); missing != nil {
			t.Fatalf("the contents %v are lost", missing)
		}
		if left := w.left(t); left != nil {
			t.Fatalf("the contents %v are left over, though the row knows that they are gone", left)
		}
		if !maps.Equal(letters, l.bad) {
			t.Fatalf("set aside %v, want %v", letters, l.bad)
		}
	})
}

// A row that cannot be read is no record's fault, and nothing takes its place.
func TestBatchOnARowThatCannotBeRead(t *testing.T) {
	out, bad, err := unreadOf(2).foldBatch("kim", []byte("garbage"), []*sarama.ConsumerMessage{message(1, []byte("garbage"))})
	if err == nil || !strings.Contains(err.Error(), "decode the row") || bad != nil || out.row != nil {
		t.Errorf("got %+v, %v, %v", out, bad, err)
	}
}

// Texts of rows outlive the values that they came in.
func TestRowsDoNotShareRecords(t *testing.T) {
	value, err := codec.EncodeRecord(inbox.Record{Kind: inbox.KindNotify, Notification: belfry.Notification{
		ID: "1", Title: belfry.PlainText("t"), Category: "approval", Time: time.UnixMilli(1)}})
	if err != nil {
		t.Fatal(err)
	}
	out, _, err := unreadOf(2).foldBatch("kim", nil, []*sarama.ConsumerMessage{message(1, value)})
	if err != nil {
		t.Fatal(err)
	}
	clear(value)
	if s, err := codec.DecodeState(out.row); err != nil || s.Items[0].Category != "approval" {
		t.Errorf("got %+v, %v", s, err)
	}
	if item, err := codec.DecodeItem(out.steps[0].content); err != nil || item.Category != "approval" {
		t.Errorf("got %+v, %v", item, err)
	}
}
