package codec_test

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/codec/belfrypb"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
)

// drawBroadcast gives s what only rows of the capability broadcast have.
func drawBroadcast(t *rapid.T, s *inbox.State) {
	s.Joined = rapid.Bool().Draw(t, "joined")
	for _, name := range rapid.SliceOfNDistinct(rapid.String(), 0, 3, rapid.ID[string]).Draw(t, "topics") {
		s.Topics = append(s.Topics, inbox.TopicOf(name))
	}
	slices.SortFunc(s.Topics, func(a, b inbox.Topic) int {
		if a.Hash < b.Hash {
			return -1
		}
		return 1
	})
	for i := range s.Items {
		if e := &s.Items[i]; rapid.Bool().Draw(t, "is a notice") {
			*e = inbox.Entry{
				Seq: e.Seq, Version: e.Version, Unarchived: e.Unarchived, Count: 1, Until: e.Until, Shown: e.Shown,
				Read: e.Read, Seen: e.Seen, Archived: e.Archived, Muted: e.Muted,
				Shared: &inbox.Shared{Audience: rapid.Uint64().Draw(t, "audience")},
			}
		}
	}
	for i := range s.Removals {
		if r := &s.Removals[i]; r.Seq != 0 && rapid.Bool().Draw(t, "was a notice") {
			r.Hash, r.Shared = 0, true
		}
	}
}

// goldenBroadcast is a row with all that the capability broadcast has.
func goldenBroadcast(s inbox.State) inbox.State {
	s.Joined = true
	s.Topics = []inbox.Topic{inbox.TopicOf("공지"), inbox.TopicOf("release-notes")}
	slices.SortFunc(s.Topics, func(a, b inbox.Topic) int {
		return strings.Compare(fmt.Sprintf("%016x", a.Hash), fmt.Sprintf("%016x", b.Hash))
	})
	s.Items[1] = inbox.Entry{Seq: 3000, Version: 3000, Count: 1, Shared: &inbox.Shared{Audience: inbox.Everybody}}
	s.Items[3] = inbox.Entry{
		Seq: 450_000, Version: 460_000, Unarchived: 460_000, Count: 1, Seen: true, Shared: &inbox.Shared{Audience: inbox.AudienceHash("topic:공지")},
		Until: 1_775_120_700_000,
	}
	s.Removals[2] = inbox.Removal{Seq: 100, Version: 450_000, Shared: true}
	return s
}

// goldenBoard has every column of a board.
func goldenBoard() board.Row {
	s := goldenState()
	s.Items[3].Until, s.Items[3].Born = 1_775_120_600_000, true
	topic := inbox.AudienceHash("topic:공지")
	return board.Row{
		State: s, Keep: 100,
		Notices: []board.Notice{{Audience: inbox.Everybody, At: 1_775_000_000_000}, {Audience: topic, At: 1_774_000_000_000}, {Audience: inbox.Everybody, At: 1_775_000_000_001}, {Audience: topic}},
		Stays: []board.Stay{
			{Seq: 2100, Audience: 9, Came: 2100, Went: 2200, At: 1_774_100_000_000}, {Seq: 1500, Audience: topic, Came: 1600, Went: 450_000, At: 1_775_100_000_000},
			{Seq: 1400, Audience: topic, Came: 1400, Went: 450_000, At: 1_775_100_000_000},
		},
		Horizons: []board.Horizon{{Audience: inbox.Everybody, Version: 1900, At: 1_773_000_000_000}, {Audience: topic, Version: 1800, At: 1_772_000_000_000}},
		Floor:    board.Horizon{Version: 1700, At: 1_771_000_000_000},
	}
}

func goldenBoardRow(r board.Row) golden {
	return golden{
		encode: func(t testing.TB) []byte { return must(t)(codec.EncodeBoard(&r)) },
		decode: decoders()["board"],
		check: func(b []byte) bool {
			got, err := codec.DecodeBoard(b)
			return err == nil && equalBoards(got, r)
		},
	}
}

func equalBoards(a, b board.Row) bool {
	a.State, b.State = canonical(a.State), canonical(b.State)
	for _, r := range []*board.Row{&a, &b} {
		r.Notices, r.Stays, r.Horizons = append([]board.Notice{}, r.Notices...), append([]board.Stay{}, r.Stays...), append([]board.Horizon{}, r.Horizons...)
	}
	return reflect.DeepEqual(a, b)
}

func checkBoardRow(t fataler, r board.Row) {
	t.Helper()
	b, err := codec.EncodeBoard(&r)
	if err != nil {
		t.Fatalf("encode %+v: %v", r, err)
	}
	got, err := codec.DecodeBoard(b)
	if err != nil || !equalBoards(got, r) {
		t.Fatalf("got %+v, %v; want %+v", got, err, r)
	}
	if again, err := codec.EncodeBoard(&got); err != nil || !bytes.Equal(again, b) {
		t.Fatalf("encoded again: %x, %v; want %x", again, err, b)
	}
	if v, err := codec.RowVersion(b); v != r.State.Version || err != nil {
		t.Fatalf("RowVersion: got %d, %v; want %d", v, err, r.State.Version)
	}
}

// TestBroadcastHistory folds notices and records of a user who takes them in, and holds
// that board and row are what they were after each went through its stored form.
func TestBroadcastHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := new(board.Board).Begin(3, 1000)
		var row inbox.State
		in := inbox.Input{Position: inbox.Position{Epoch: 3}, Time: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), Cap: 3, Keep: 5}
		for range rapid.IntRange(0, 40).Draw(t, "records") {
			audience := rapid.SampledFrom([]string{"all", "topic:a", "topic:공지"}).Draw(t, "audience")
			id := fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "id"))
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				n := belfry.Notification{Audience: audience, ID: id, Category: "a", CollapseKey: rapid.SampledFrom([]string{"", "k"}).Draw(t, "key")}
				if rapid.Bool().Draw(t, "later") {
					n.DeliverAt = in.Time.Add(5 * time.Minute)
				}
				b, _ = board.Fold(b, inbox.Record{Kind: inbox.KindNotify, Notification: n}, in)
			case 1:
				b, _ = board.Fold(b, inbox.Record{Kind: inbox.KindRetract, Retraction: belfry.Retraction{Audience: audience, ID: id}}, in)
			default:
				s := b.Show(row)
				r := drawStep(t, &s, in.Time)
				b.Apply(&row, &r, in)
				stored, err := codec.EncodeState(&row)
				if err != nil {
					t.Fatalf("encode %+v: %v", row, err)
				}
				resolved := b.Show(row)
				if row, err = codec.DecodeState(stored); err != nil || !codec.DecodesByHand(stored) {
					t.Fatalf("decode: %v", err)
				}
				if again := b.Show(row); !equalStates(again, resolved) {
					t.Fatalf("after it was stored it shows %+v, want %+v", again, resolved)
				}
				checkRow(t, row)
				for _, after := range []time.Duration{0, 6 * time.Minute, 40 * 24 * time.Hour} {
					checkShown(t, stored, b, &resolved, in.Time.Add(after))
				}
			}
			checkBoardRow(t, b.Row)
			in.Time = in.Time.Add(time.Minute)
			in.Offset += rapid.Int64Range(1, 1000).Draw(t, "gap")
		}
	})
}

// A board that never had a notice is the row that a former program writes and reads.
func TestEmptyBoardIsPlain(t *testing.T) {
	r := board.Row{State: inbox.State{Epoch: 7, Base: 1 << 40, Version: 1 << 40}}
	want := must(t)(codec.EncodeState(&r.State))
	if got := must(t)(codec.EncodeBoard(&r)); !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
	checkBoardRow(t, r)
}

func TestBoardIsNoUsersRow(t *testing.T) {
	r := goldenBoard()
	if _, err := codec.DecodeState(must(t)(codec.EncodeBoard(&r))); !errors.Is(err, belfry.ErrCorrupt) || !strings.Contains(err.Error(), "a board") {
		t.Errorf("got %v, want ErrCorrupt that says it is a board", err)
	}
	s := goldenBroadcast(goldenTimes())
	if _, err := codec.DecodeBoard(must(t)(codec.EncodeState(&s))); !errors.Is(err, belfry.ErrCorrupt) {
		t.Errorf("a user's row as a board: %v", err)
	}
}

func TestDecodeBroadcastRefuses(t *testing.T) {
	s := goldenBroadcast(goldenState())
	row := must(t)(codec.EncodeState(&s))
	r := goldenBoard()
	stored := must(t)(codec.EncodeBoard(&r))
	for name, c := range map[string]struct {
		change func(*belfrypb.Row)
		board  bool
		want   string
	}{
		"bit without columns": {func(m *belfrypb.Row) { m.Broadcast = nil }, false, "columns of broadcast false"},
		"columns without bit": {func(m *belfrypb.Row) { m.Uses &^= 4; m.Uses |= 1 }, false, "columns of broadcast true"},
		"item beyond":         {func(m *belfrypb.Row) { m.Broadcast.ItemIndex[1] = 9 }, false, "item 10 of 4"},
		"item twice":          {func(m *belfrypb.Row) { m.Broadcast.ItemIndex[1] = 0 }, false, "item 1 of 4"},
		"removal beyond":      {func(m *belfrypb.Row) { m.Broadcast.RemovalIndex[0] = 4 }, false, "removal 4 of 4"},
		"user's own":          {func(m *belfrypb.Row) { m.Broadcast.ItemIndex[0] = 0 }, false, "item 2000 is a notice"},
		"hash of removal":     {func(m *belfrypb.Row) { m.Broadcast.RemovalIndex[0] = 0 }, false, "removal of notice 1500"},
		"topics":              {func(m *belfrypb.Row) { m.Broadcast.TopicHash = m.Broadcast.TopicHash[:1] }, false, "topic columns of 2 and 1"},
		"topic twice":         {func(m *belfrypb.Row) { m.Broadcast.TopicHash[1] = m.Broadcast.TopicHash[0] }, false, "topic 0x"},
		"notice without":      {func(m *belfrypb.Row) { m.Board.ItemAudience = m.Board.ItemAudience[1:] }, true, "do not match"},
		"fewer notices": {func(m *belfrypb.Row) {
			m.Board.ItemAudience, m.Board.ItemAt = m.Board.ItemAudience[1:], m.Board.ItemAt[1:]
		}, true, "3 notices of 4 items"},
		"audience beyond":      {func(m *belfrypb.Row) { m.Board.StayAudience[0] = 7 }, true, "audience 7 of 3"},
		"stay from the future": {func(m *belfrypb.Row) { m.Board.StayWent[2] = 1 << 40 }, true, "stayed from"},
		"stay of no time":      {func(m *belfrypb.Row) { m.Board.StayCame[0] = 0 }, true, "stayed from 2200 to 2200"},
		"horizon twice":        {func(m *belfrypb.Row) { m.Board.HorizonAudience[1] = 1 }, true, "horizon 1800"},
		"floor":                {func(m *belfrypb.Row) { m.Board.FloorVersion = 1 << 40 }, true, "floor"},
	} {
		var m belfrypb.Row
		from, decode := row, decoders()["row"]
		if c.board {
			from, decode = stored, decoders()["board"]
		}
		if err := proto.Unmarshal(from, &m); err != nil {
			t.Fatal(err)
		}
		c.change(&m)
		b, err := proto.Marshal(&m)
		if err != nil {
			t.Fatal(err)
		}
		if err := decode(b); !errors.Is(err, belfry.ErrCorrupt) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want ErrCorrupt that says %q", name, err, c.want)
		}
	}
}

func FuzzDecodeBoard(f *testing.F) {
	seed(f, "board")
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := codec.DecodeBoard(b); err == nil {
			checkBoardRow(t, r)
			board.New(r).Show(inbox.State{})
		}
	})
}

func TestBoardHolds(t *testing.T) {
	state := inbox.State{Epoch: 7, Base: 10, Version: 20}
	with := state
	with.Items = []inbox.Entry{{Seq: 15, Version: 15, Count: 1}}
	for name, c := range map[string]struct {
		row       board.Row
		ever, now bool
	}{
		"nothing":          {board.Row{State: state}, false, false},
		"nothing any more": {board.Row{State: state, Keep: 100, Stays: []board.Stay{{Seq: 11, Audience: 1, Came: 11, Went: 12}}}, true, false},
		"a notice":         {board.Row{State: with, Keep: 100, Notices: []board.Notice{{Audience: 1, At: 1}}}, true, true},
	} {
		b, err := codec.EncodeBoard(&c.row)
		if err != nil {
			t.Fatal(err)
		}
		if ever, now, err := codec.BoardHolds(b); ever != c.ever || now != c.now || err != nil {
			t.Errorf("%s: got %t, %t, %v", name, ever, now, err)
		}
	}
	if _, _, err := codec.BoardHolds([]byte("garbage")); err == nil {
		t.Error("garbage is taken for a board")
	}
}
