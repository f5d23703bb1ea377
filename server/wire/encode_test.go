package wire

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

// TestEncodeIsPackageJSON compares items and badges with what package json makes of them.
func TestEncodeIsPackageJSON(t *testing.T) {
	awkward := []string{"", "a", "결재", "<b>&\"\\", "\u2028", "\u2029x", "\x00\x1f\x7f", "\xff\xfe", "two\nlines"}
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom(awkward))
	number := rapid.OneOf(rapid.SampledFrom([]uint64{0, 1, 1 << 53, 1<<64 - 1}), rapid.Uint64())
	flag := rapid.Bool()
	when := rapid.Custom(func(t *rapid.T) time.Time {
		if flag.Draw(t, "none") {
			return time.Time{}
		}
		return time.UnixMilli(rapid.Int64Range(-62_000_000_000_000, 253_402_300_799_999).Draw(t, "ms")).UTC()
	})
	item := rapid.Custom(func(t *rapid.T) Item {
		i := Item{
			Seq: number.Draw(t, "seq"), Version: number.Draw(t, "version"), Read: flag.Draw(t, "read"), Seen: flag.Draw(t, "seen"),
			Archived: flag.Draw(t, "archived"), Count: rapid.Uint32().Draw(t, "count"), Replaces: number.Draw(t, "replaces"), Pending: flag.Draw(t, "pending"),
			ID: text.Draw(t, "id"), Source: text.Draw(t, "source"), Type: text.Draw(t, "type"), Category: text.Draw(t, "category"),
			Priority: belfry.Priority(rapid.IntRange(-3, 4).Draw(t, "priority")), Title: text.Draw(t, "title"), Body: text.Draw(t, "body"), URL: text.Draw(t, "url"),
			Collapse: text.Draw(t, "collapse"), Time: when.Draw(t, "time"), ExpiresAt: when.Draw(t, "expires"), Until: when.Draw(t, "until"), WokeAt: when.Draw(t, "woke"),
			Shown: number.Draw(t, "shown"), Audience: text.Draw(t, "audience"),
			Data: rapid.SampledFrom([]json.RawMessage{nil, {}, json.RawMessage("null"), json.RawMessage(`{ "a" : "<\u2028>" }`)}).Draw(t, "data"),
		}
		if flag.Draw(t, "actor") {
			i.Actor = &belfry.Actor{ID: text.Draw(t, "actor id"), Name: text.Draw(t, "actor name"), Avatar: text.Draw(t, "avatar")}
		}
		if flag.Draw(t, "actors") {
			i.Actors = &Actors{Count: 2, More: flag.Draw(t, "more"), Latest: []Actor{{text.Draw(t, "a"), text.Draw(t, "b")}}}
		}
		return i
	})
	badge := rapid.Custom(func(t *rapid.T) Badge {
		tally := rapid.Custom(func(t *rapid.T) inbox.Tally {
			return inbox.Tally{Unread: rapid.Int().Draw(t, "unread"), Unseen: rapid.Int().Draw(t, "unseen")}
		})
		b := Badge{User: text.Draw(t, "user"), Version: number.Draw(t, "version"), Cursor: text.Draw(t, "cursor"), X: rapid.Int().Draw(t, "x")}
		b.Tally, b.Urgent = tally.Draw(t, "all"), rapid.Int().Draw(t, "urgent")
		if flag.Draw(t, "categories") {
			b.Categories = rapid.MapOfN(text.Filter(func(s string) bool { return s == string(bytes.ToValidUTF8([]byte(s), nil)) }), tally, 0, 4).Draw(t, "by category")
		}
		return b
	})
	rapid.Check(t, func(t *rapid.T) {
		i, b, html := item.Draw(t, "item"), badge.Draw(t, "badge"), flag.Draw(t, "html")
		for _, v := range []any{&i, b} {
			got, err := appendJSON([]byte("before "), v, html)
			if err != nil {
				t.Fatal(err)
			}
			want, err := marshal(v, html)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != "before "+string(want) {
				t.Fatalf("got  %s\nwant %s", got, want)
			}
		}
	})
}

func TestEncodeWithoutMemory(t *testing.T) {
	b := make([]byte, 0, 1024)
	item := &Item{Seq: 7, Title: "결재", ID: "a", Time: time.UnixMilli(1), Priority: belfry.PriorityHigh}
	if n := testing.AllocsPerRun(100, func() { b, _ = item.appendJSON(b[:0], true) }); n > 0 {
		t.Errorf("got %v allocations", n)
	}
}
