package codec_test

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/codec/belfrypb"
	"github.com/belfry/belfry/inbox"
)

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// checkRow fails unless s round-trips, as a value and as bytes.
func checkRow(t fataler, s inbox.State) {
	t.Helper()
	b, err := codec.EncodeState(&s)
	if err != nil {
		t.Fatalf("encode %+v: %v", s, err)
	}
	if want, err := codec.ReferenceState(&s); err != nil || !bytes.Equal(b, want) {
		t.Fatalf("encoded as %x, %v; the generated codec writes %x", b, err, want)
	}
	if len(s.Extra) == 0 && !codec.DecodesByHand(b) {
		t.Fatalf("a row of ours takes the long way: %+v", s)
	}
	got, err := codec.DecodeState(b)
	if err != nil {
		t.Fatalf("decode %+v: %v", s, err)
	}
	if !equalStates(got, s) {
		t.Fatalf("got %+v, want %+v", got, s)
	}
	again, err := codec.EncodeState(&got)
	if err != nil || !bytes.Equal(again, b) {
		t.Fatalf("encoded again: %x, %v; want %x", again, err, b)
	}
	if v, err := codec.RowVersion(b); v != s.Version || err != nil {
		t.Fatalf("RowVersion: got %d, %v; want %d", v, err, s.Version)
	}
	checkBadge(t, b, &s)
}

func TestStateRoundTrip(t *testing.T) {
	t.Run("zero", func(t *testing.T) { checkRow(t, inbox.State{}) })
	t.Run("typical", func(t *testing.T) { checkRow(t, typicalState(100, 5)) })
	t.Run("full", func(t *testing.T) { checkRow(t, fullState()) })
	t.Run("any", rapid.MakeCheck(func(t *rapid.T) { checkRow(t, drawState(t)) }))
	t.Run("history", rapid.MakeCheck(func(t *rapid.T) {
		drawHistory(t, func(s inbox.State) { checkRow(t, s) })
	}))
}

// TestDecodeStateIntoTakesMemoryAlone holds that a row which is decoded into the memory of
// another one has nothing of that.
func TestDecodeStateIntoTakesMemoryAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		row, former := drawState(t), drawState(t)
		b, err := codec.EncodeState(&row)
		if err != nil {
			t.Fatal(err)
		}
		want, err := codec.DecodeStateInto(inbox.State{}, b, 1)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := codec.DecodeStateInto(former, b, 1); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v, %v; want %+v", got, err, want)
		}
	})
}

func TestStateKeepsUnknownFields(t *testing.T) {
	s := typicalState(20, 3)
	b, err := codec.EncodeState(&s)
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, newField("of a newer belfry")...)
	got, err := codec.DecodeState(b)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Extra, newField("of a newer belfry")) {
		t.Errorf("got extra %q", got.Extra)
	}
	if again, err := codec.EncodeState(&got); err != nil || !bytes.Equal(again, b) {
		t.Errorf("got %x, %v; want %x", again, err, b)
	}
	// A fold in between must not lose them either.
	folded, _ := inbox.Fold(got, inbox.Record{Kind: inbox.KindTouch},
		inbox.Input{Position: inbox.Position{Epoch: got.Epoch + 1}})
	if !bytes.Equal(folded.Extra, got.Extra) {
		t.Errorf("after a fold: got extra %q, want %q", folded.Extra, got.Extra)
	}
}

func TestDecodeStateCopies(t *testing.T) {
	s := typicalState(20, 3)
	s.Extra = newField("extra")
	b, err := codec.EncodeState(&s)
	if err != nil {
		t.Fatal(err)
	}
	got, err := codec.DecodeState(b)
	if err != nil {
		t.Fatal(err)
	}
	clear(b)
	if !equalStates(got, s) {
		t.Error("the state changed with the bytes it was decoded from")
	}
}

// rowWith encodes a row of three items, two removals and one watermark after
// change had its way with it.
func rowWith(t *testing.T, change func(*belfrypb.Row)) []byte {
	t.Helper()
	const seen, changed, collapse = 1 << 1, 1 << 5, 1 << 6
	const normal = 1 << 3
	m := &belfrypb.Row{
		Format: 1, Epoch: 9, Base: 1, Version: 100, Horizon: 2,
		Categories:     []string{"a", "b"},
		ItemSeq:        []uint64{10, 10, 10},
		ItemMeta:       []uint64{normal, normal | seen | changed | 1<<11, normal | collapse | 2<<11},
		ItemHash:       []uint64{1, 2, 3},
		ItemChanged:    []int64{40},
		ItemCollapse:   []uint64{4},
		RemovalVersion: []uint64{5, 0}, RemovalSeq: []int64{3, -3}, RemovalHash: []uint64{5, 6},
		WatermarkKey: []uint64{7}, WatermarkOffset: []int64{8}, WatermarkIndex: []int32{9},
	}
	change(m)
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDecodeStateRefuses(t *testing.T) {
	if _, err := codec.DecodeState(rowWith(t, func(*belfrypb.Row) {})); err != nil {
		t.Fatalf("the row to break is broken: %v", err)
	}
	for _, tt := range []struct {
		name   string
		change func(*belfrypb.Row)
		want   string
	}{
		{"no format", func(m *belfrypb.Row) { m.Format = 0 }, "no format number"},
		{"short meta", func(m *belfrypb.Row) { m.ItemMeta = m.ItemMeta[:2] }, "item columns of 3, 2 and 3"},
		{"long hash", func(m *belfrypb.Row) { m.ItemHash = append(m.ItemHash, 1) }, "item columns of 3, 3 and 4"},
		{"only hashes", func(m *belfrypb.Row) { m.ItemSeq, m.ItemMeta = nil, nil }, "item columns of 0, 0 and 3"},
		{"seq twice", func(m *belfrypb.Row) { m.ItemSeq[1] = 0 }, "item 10 after item 10"},
		{"seq falls", func(m *belfrypb.Row) { m.ItemSeq[1] = 1<<64 - 2 }, "item 8 after item 10"},
		{"seq 0", func(m *belfrypb.Row) { m.ItemSeq[0] = 0 }, "item 0 after item 0"},
		{"seq above the version", func(m *belfrypb.Row) { m.ItemSeq[2] = 81 }, "in a row of version 100"},
		{"version above the row's", func(m *belfrypb.Row) { m.ItemChanged[0] = 101 }, "item 20 of version 101"},
		{"version below seq", func(m *belfrypb.Row) { m.ItemChanged[0] = 19 }, "item 20 of version 19"},
		{"read without seen", func(m *belfrypb.Row) { m.ItemMeta[0] |= 1 }, "read but not seen"},
		{"category beyond the last", func(m *belfrypb.Row) { m.ItemMeta[0] |= 3 << 11 }, "category 3 of 2"},
		{"category far beyond", func(m *belfrypb.Row) { m.ItemMeta[0] |= 1 << 63 }, "category"},
		{"missing sparse value", func(m *belfrypb.Row) { m.ItemCollapse = nil }, "sparse item columns"},
		{"sparse value too many", func(m *belfrypb.Row) { m.ItemCount = []uint32{2} }, "sparse item columns"},
		{"count 0", func(m *belfrypb.Row) { m.ItemMeta[0] |= 1 << 10; m.ItemCount = []uint32{0} }, "count 0"},
		{"replaces a later", func(m *belfrypb.Row) { m.ItemMeta[0] |= 1 << 8; m.ItemReplaces = []uint64{1<<64 - 1} }, "replaces item 11"},
		{"unarchived later", func(m *belfrypb.Row) { m.ItemMeta[0] |= 1 << 9; m.ItemUnarchived = []uint64{11} }, "unarchived at"},
		{"short removal seq", func(m *belfrypb.Row) { m.RemovalSeq = m.RemovalSeq[:1] }, "removal columns of 2, 1 and 2"},
		{"no removal hash", func(m *belfrypb.Row) { m.RemovalHash = nil }, "removal columns of 2, 2 and 0"},
		{"removal version falls", func(m *belfrypb.Row) { m.RemovalVersion[1] = 1<<64 - 1 }, "removal at version 4"},
		{"removal above the version", func(m *belfrypb.Row) { m.RemovalVersion[1] = 96 }, "removal at version 101"},
		{"removal of a later item", func(m *belfrypb.Row) { m.RemovalSeq[0] = 6 }, "removal of item 6 at version 5"},
		{"short watermark offset", func(m *belfrypb.Row) { m.WatermarkOffset = nil }, "watermark columns of 1, 0 and 1"},
		{"long watermark index", func(m *belfrypb.Row) { m.WatermarkIndex = []int32{1, 2} }, "watermark columns of 1, 1 and 2"},
		{"base above the version", func(m *belfrypb.Row) { m.Base = 101 }, "base 101"},
		{"horizon above the version", func(m *belfrypb.Row) { m.Horizon = 101 }, "horizon 101"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := codec.DecodeState(rowWith(t, tt.change))
			if !errors.Is(err, belfry.ErrCorrupt) || errors.Is(err, belfry.ErrNewerFormat) {
				t.Fatalf("got %v, want ErrCorrupt", err)
			}
			if !strings.HasPrefix(err.Error(), "row: ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, want it to say %q", err, tt.want)
			}
		})
	}
}

func TestEncodeStateRefuses(t *testing.T) {
	for _, tt := range []struct {
		name  string
		state inbox.State
	}{
		{"read without seen", inbox.State{Version: 1, Items: []inbox.Entry{{Seq: 1, Version: 1, Count: 1, Read: true}}}},
		{"no count", inbox.State{Version: 1, Items: []inbox.Entry{{Seq: 1, Version: 1}}}},
		{"priority", inbox.State{Version: 1, Items: []inbox.Entry{{Seq: 1, Version: 1, Count: 1, Priority: 3}}}},
		{"item above the version", inbox.State{Version: 1, Items: []inbox.Entry{{Seq: 2, Version: 2, Count: 1}}}},
		{"removals out of order", inbox.State{Version: 2, Removals: []inbox.Removal{{Version: 2}, {Version: 1}}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if b, err := codec.EncodeState(&tt.state); !errors.Is(err, belfry.ErrCorrupt) {
				t.Errorf("got %x, %v; want ErrCorrupt", b, err)
			}
		})
	}
	s := inbox.State{Version: 1, Items: []inbox.Entry{{Seq: 1, Version: 1, Count: 1, Category: "\xff"}}}
	if b, err := codec.EncodeState(&s); err == nil {
		t.Errorf("category that is not UTF-8: got %x", b)
	}
}

// A scheduled item that shows can take the place of one that came after it, and can
// be hidden again.
func TestRowOfAnItemThatReplacesALaterOne(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	var s inbox.State
	for i, r := range []inbox.Record{
		{Kind: inbox.KindNotify, Notification: belfry.Notification{ID: "a", CollapseKey: "k", DeliverAt: at.Add(time.Minute)}},
		{Kind: inbox.KindNotify, Notification: belfry.Notification{ID: "b", CollapseKey: "k"}},
		{Kind: inbox.KindTouch},
		{Kind: inbox.KindSnooze, Seqs: []uint64{1}, Until: at.Add(time.Hour).UnixMilli()},
		{Kind: inbox.KindUnsnooze, Seqs: []uint64{1}},
		{Kind: inbox.KindNotify, Notification: belfry.Notification{ID: "c", CollapseKey: "k"}},
		{Kind: inbox.KindSnooze, Seqs: []uint64{6}, Until: at.Add(time.Hour).UnixMilli()},
		{Kind: inbox.KindRetract, Retraction: belfry.Retraction{ID: "c"}}, // item 1 is hidden in its place
	} {
		s, _ = inbox.Fold(s, r, inbox.Input{Position: inbox.Position{Epoch: 1, Offset: int64(i)}, Time: at.Add(time.Duration(i) * 40 * time.Second), Members: inbox.MaxMembers})
		checkRow(t, s)
		if i >= 2 && i != 5 && i != 6 && (len(s.Items) != 1 || s.Items[0].Seq != 1 || s.Items[0].Replaces != 2) {
			t.Fatalf("record %d: got items %+v, want item 1 in the place of item 2", i, s.Items)
		}
	}
}

// rowOfPeople has items of 50 collapse keys, which so many people caused.
func rowOfPeople(people int64) inbox.State {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	var s inbox.State
	for i := range people + people/2 { // some of them twice
		n := belfry.Notification{ID: fmt.Sprint(i), CollapseKey: fmt.Sprint("k", i%50), Actor: belfry.Actor{ID: fmt.Sprint("p", i%people), Name: "김하나"}}
		s.Apply(&inbox.Record{Kind: inbox.KindNotify, Notification: n}, inbox.Input{Position: inbox.Position{Epoch: 1, Offset: i}, Time: at, Members: inbox.MaxMembers})
	}
	return s
}

func TestRowOfManyPeople(t *testing.T) {
	for _, people := range []int64{30, 35, 1000} {
		checkRow(t, rowOfPeople(people))
	}
}

func TestRowVersion(t *testing.T) {
	t.Run("reads no columns", func(t *testing.T) {
		b := rowWith(t, func(m *belfrypb.Row) { m.ItemHash = nil })
		if got, err := codec.RowVersion(b); got != 100 || err != nil {
			t.Errorf("got %d, %v; want 100", got, err)
		}
	})
	t.Run("last value counts", func(t *testing.T) {
		// As protobuf has it, so that both ways to read a row agree.
		b := append(rowWith(t, func(*belfrypb.Row) {}), 4<<3, 120)
		s, err := codec.DecodeState(b)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := codec.RowVersion(b); got != s.Version || got != 120 || err != nil {
			t.Errorf("got %d, %v; decoded %d; want 120", got, err, s.Version)
		}
	})
	t.Run("newer", func(t *testing.T) {
		b := rowWith(t, func(m *belfrypb.Row) { m.Format = 3 })
		if _, err := codec.RowVersion(b); !errors.Is(err, belfry.ErrNewerFormat) {
			t.Errorf("got %v, want ErrNewerFormat", err)
		}
	})
	t.Run("allocates nothing", func(t *testing.T) {
		b := rowWith(t, func(*belfrypb.Row) {})
		if n := testing.AllocsPerRun(10, func() { _, _ = codec.RowVersion(b) }); n != 0 {
			t.Errorf("got %v allocations", n)
		}
	})
	for name, b := range map[string][]byte{
		"empty":              {},
		"no format":          {4 << 3, 1},
		"half a tag":         {0x80},
		"half a format":      {1 << 3, 0x80},
		"bytes beyond":       {1 << 3, 1, 7<<3 | 2, 9},
		"field number 0":     {0, 1},
		"group without end":  {1 << 3, 1, 50<<3&0x7f | 0x80 | 3, 3},
		"unknown wire type":  {1 << 3, 1, 7<<3 | 7},
		"version of 11 byte": append([]byte{1 << 3, 1, 4 << 3}, bytes.Repeat([]byte{0xff}, 11)...),
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := codec.RowVersion(b); !errors.Is(err, belfry.ErrCorrupt) {
				t.Errorf("got %d, %v; want ErrCorrupt", got, err)
			}
		})
	}
}
