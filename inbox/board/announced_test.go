package board_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
)

// A notice that stands on several boards is one, the newest first; each audience has
// identities of its own.
func TestAnnouncements(t *testing.T) {
	first, second := newJournal(), newJournal()
	contents := map[int32]map[uint64]inbox.Item{0: {}, 2: {}}
	announce := func(partition int32, h *journal, r inbox.Record) {
		h.do(r)
		if h.effects.Item != nil {
			contents[partition][h.effects.Seq] = *h.effects.Item
		}
	}
	announce(0, first, notice("all", "a"))
	announce(0, first, notice("topic:t", "a"))
	second.in.Offset = 7
	announce(2, second, notice("topic:t", "a"))
	announce(2, second, notice("all", "a"))
	second.in.Time = morning.Add(time.Minute)
	announce(2, second, notice("all", "cut off", later(time.Hour)))
	announce(2, second, notice("all", "gone", expires(2*time.Minute)))
	delete(contents[0], 1002) // on its way there, and there in the other partition
	boards := []*board.Board{first.board, nil, second.board}
	content := func(partition int32, seq uint64) (inbox.Item, bool, error) {
		item, ok := contents[partition][seq]
		return item, ok, nil
	}
	list := func() (out []string) {
		all, err := board.Announcements(boards, morning.Add(time.Hour/2), content)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range all {
			out = append(out, fmt.Sprint(a.Content.Audience, " ", a.Content.ID, " ", a.Audience == inbox.Everybody, " ", a.Seqs, " ", a.Pending))
		}
		return out
	}
	want := []string{"all cut off true map[2:1010] false", "topic:t a false map[0:1002 2:1008] false", "all a true map[0:1001 2:1009] false"}
	if got := list(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	delete(contents[2], 1010)
	want = []string{"topic:t a false map[0:1002 2:1008] false", "all a true map[0:1001 2:1009] false", "  true map[2:1010] true"}
	if got := list(); !slices.Equal(got, want) {
		t.Errorf("without a content: got %q, want %q", got, want)
	}
	broken := errors.New("broken")
	if _, err := board.Announcements(boards, morning, func(int32, uint64) (inbox.Item, bool, error) { return inbox.Item{}, false, broken }); !errors.Is(err, broken) {
		t.Errorf("got %v, want the error of the content", err)
	}
}
