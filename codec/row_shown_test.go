package codec_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
)

// checkShown fails unless what is read of a row and its board alone is what is shown.
func checkShown(t fataler, row []byte, on *board.Board, shown *inbox.State, now time.Time) {
	t.Helper()
	want := shown.Badge(now)
	if got, err := codec.DecodeShownBadge(row, on, now); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("badge: got %+v, %v; want %+v", got, err, want)
	}
	if got, err := codec.DecodeShownStamp(row, on, now); err != nil || got != want.Stamp {
		t.Fatalf("stamp: got %+v, %v; want %+v", got, err, want.Stamp)
	}
}

// marked is a board with so many notices to everybody, and a row of as many items of its
// own that has marked them all.
func marked(t testing.TB, items, notices int) (plain, row []byte, on *board.Board, shown inbox.State) {
	t.Helper()
	on = new(board.Board).Begin(7, 0)
	offset := int64(-1)
	in := func() inbox.Input {
		offset++
		return inbox.Input{Position: inbox.Position{Epoch: 7, Offset: offset}, Time: time.Now(), Keep: 200, Members: 1}
	}
	n := belfry.Notification{Title: belfry.PlainText("x")}
	var own inbox.State
	for i := range items {
		n.ID, n.Category, n.ExpiresAt = fmt.Sprint(i), fmt.Sprint("category-", i%3), time.Now().Add(time.Hour)
		own, _ = inbox.Fold(own, inbox.Record{Kind: inbox.KindNotify, Notification: n}, in())
	}
	plain, err := codec.EncodeState(&own)
	if err != nil {
		t.Fatal(err)
	}
	for i := range notices {
		n.ID, n.Category, n.ExpiresAt, n.Audience = fmt.Sprint("n", i), fmt.Sprint("category-", i%3), time.Time{}, "all"
		on, _ = board.Fold(on, inbox.Record{Kind: inbox.KindNotify, Notification: n}, in())
	}
	at := in()
	own, _ = inbox.Fold(board.Advance(own, on, uint64(at.Offset)+1), inbox.Record{Kind: inbox.KindSeen, UpTo: uint64(at.Offset)}, at)
	if row, err = codec.EncodeState(&own); err != nil {
		t.Fatal(err)
	}
	return plain, row, on, on.Show(own)
}

// Columns may stand in pieces or unpacked, by the rules of protobuf.
func TestShownOfSpreadColumns(t *testing.T) {
	_, row, on, shown := marked(t, 3, 3)
	const seqs, broadcast, index = 7, 42, 4
	spread := func(b []byte, column protowire.Number, how func(out, values []byte) []byte) (out []byte) {
		for len(b) > 0 {
			number, _, n := protowire.ConsumeField(b)
			if _, _, tag := protowire.ConsumeTag(b); number == column {
				values, _ := protowire.ConsumeBytes(b[tag:])
				out = how(out, values)
			} else {
				out = append(out, b[:n]...)
			}
			b = b[n:]
		}
		return out
	}
	unpacked := func(column protowire.Number) func(out, values []byte) []byte {
		return func(out, values []byte) []byte {
			for len(values) > 0 {
				_, n := protowire.ConsumeVarint(values)
				out = append(protowire.AppendTag(out, column, protowire.VarintType), values[:n]...)
				values = values[n:]
			}
			return out
		}
	}
	within := func(out, values []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(out, broadcast, protowire.BytesType), spread(values, index, unpacked(index)))
	}
	for name, b := range map[string][]byte{
		"as written": row, "seqs": spread(row, seqs, unpacked(seqs)), "notices": spread(row, broadcast, within),
	} {
		t.Run(name, func(t *testing.T) { checkShown(t, b, on, &shown, time.Now()) })
	}
}

func TestShownOfBrokenRows(t *testing.T) {
	_, row, on, _ := marked(t, 3, 3)
	for name, tt := range map[string]struct {
		row  []byte
		want error
	}{
		"empty":        {nil, belfry.ErrCorrupt},
		"cut short":    {row[:len(row)/2], belfry.ErrCorrupt},
		"newer format": {[]byte{0x08, 0x63, 0x20, 0x01}, belfry.ErrNewerFormat},
		"no seq":       {[]byte{0x08, 0x01, 8<<3 | 2, 1, 0}, belfry.ErrCorrupt},
		"no hash":      {[]byte{0x08, 0x01, 7<<3 | 2, 1, 1, 8<<3 | 2, 1, 0}, belfry.ErrCorrupt},
	} {
		if got, err := codec.DecodeShownBadge(tt.row, on, time.Now()); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %+v, %v; want %v", name, got, err, tt.want)
		}
	}
	for name, b := range map[string][]byte{"empty": nil, "cut short": row[:len(row)/2]} {
		if got, err := codec.DecodeShownStamp(b, on, time.Now()); !errors.Is(err, belfry.ErrCorrupt) {
			t.Errorf("%s: got stamp %+v, %v; want %v", name, got, err, belfry.ErrCorrupt)
		}
	}
}

// BenchmarkShown reads a row of 100 items: as it is stored, with a board that does not
// concern it, with 100 notices that it has yet to take in, and with marks on 100 live ones.
func BenchmarkShown(b *testing.B) {
	now := time.Now()
	plain, marks, on, _ := marked(b, 100, 100)
	others := new(board.Board).Begin(7, 0)
	for i := range 100 {
		n := belfry.Notification{ID: fmt.Sprint(i), Title: belfry.PlainText("x"), Audience: "topic:ops"}
		others, _ = board.Fold(others, inbox.Record{Kind: inbox.KindNotify, Notification: n},
			inbox.Input{Position: inbox.Position{Epoch: 7, Offset: int64(100 + i)}, Time: now, Keep: 200})
	}
	for _, way := range []struct {
		name  string
		stamp func() error
		badge func() error
	}{
		{"stored",
			func() error { _, err := codec.DecodeStamp(plain, now); return err },
			func() error { _, err := codec.DecodeBadge(plain, now); return err }},
		{"unconcerned",
			func() error { _, err := codec.DecodeShownStamp(plain, others, now); return err },
			func() error { _, err := codec.DecodeShownBadge(plain, others, now); return err }},
		{"behind",
			func() error { _, err := codec.DecodeShownStamp(plain, on, now); return err },
			func() error { _, err := codec.DecodeShownBadge(plain, on, now); return err }},
		{"marked",
			func() error { _, err := codec.DecodeShownStamp(marks, on, now); return err },
			func() error { _, err := codec.DecodeShownBadge(marks, on, now); return err }},
	} {
		for what, read := range map[string]func() error{"stamp": way.stamp, "badge": way.badge} {
			b.Run(way.name+"/"+what, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := read(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
