package codec_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

// TestEveryHistoryHasARow holds that what the fold makes is never refused as a state
// that it could not have made: the record would be a dead letter.
func TestEveryHistoryHasARow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		upTo := func(n int, label string) int { return rapid.IntRange(0, n).Draw(t, label) }
		var s inbox.State
		now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
		for offset := range int64(40) {
			now = now.Add(time.Duration(upTo(40, "seconds")) * time.Second)
			r := inbox.Record{
				Kind:     inbox.KindNotify + inbox.Kind(upTo(int(inbox.KindUntell-inbox.KindNotify), "kind")),
				Category: rapid.SampledFrom([]string{"", "a"}).Draw(t, "category"),
				Until:    now.Add(time.Duration(upTo(200, "until")-20) * time.Second).UnixMilli(),
				Seqs:     []uint64{uint64(upTo(int(s.Version), "seq"))},
				UpTo:     uint64(upTo(int(s.Version), "up to")),
			}
			if r.Kind >= inbox.KindPrefs {
				drawReachRecord(t, &r)
				drawReachStep(t, &s, &r, now)
			}
			if n := len(s.Items); n > 0 {
				r.Seqs = append(r.Seqs, s.Items[upTo(n-1, "item")].Seq)
			}
			id := fmt.Sprint(upTo(30, "id"))
			if upTo(1, "arrives") == 1 {
				r = inbox.Record{Kind: inbox.KindNotify, Silent: upTo(4, "silent") == 4}
			}
			r.Retraction.ID = id
			n := &r.Notification
			n.ID, n.Category, n.CollapseKey, n.Actor.ID = id, r.Category, rapid.SampledFrom([]string{"", "k"}).Draw(t, "key"), fmt.Sprint(upTo(4, "actor"))
			if upTo(2, "later") == 2 {
				n.DeliverAt = now.Add(time.Duration(upTo(200, "deliver at")) * time.Second)
			}
			if upTo(3, "expires") == 3 {
				n.ExpiresAt = now.Add(time.Duration(upTo(400, "expires at")) * time.Second)
			}
			s, _ = inbox.Fold(s, r, inbox.Input{Position: inbox.Position{Epoch: 1, Offset: offset}, Time: now, Cap: 5, Members: 1 + upTo(3, "members")})
			checkRow(t, s)
		}
	})
}

// equalStates compares what a state holds; an empty slice equals a nil one.
func equalStates(a, b inbox.State) bool {
	return reflect.DeepEqual(canonical(a), canonical(b))
}

func canonical(s inbox.State) inbox.State {
	if len(s.Items) == 0 {
		s.Items = nil
	}
	if len(s.Removals) == 0 {
		s.Removals = nil
	}
	if len(s.Mutes) == 0 {
		s.Mutes = nil
	}
	s.Items = slices.Clone(s.Items)
	for i := range s.Items {
		if g := s.Items[i].Group; g != nil && len(g.Earlier) == 0 {
			s.Items[i].Group = &inbox.Group{Cut: g.Cut, Actor: g.Actor}
		}
	}
	if len(s.Topics) == 0 {
		s.Topics = nil
	}
	if len(s.Watermarks) == 0 {
		s.Watermarks = nil
	}
	s.Reach = canonicalReach(s.Reach)
	if len(s.Extra) == 0 {
		s.Extra = nil
	}
	return s
}

// history is one user's journal under way. The partition is shared: between two
// records of the user lie up to gap records of others.
type history struct {
	random *rand.Rand
	gap    int64
	offset int64
	cap    int
	now    time.Time
	state  inbox.State
	made   int
}

func newHistory(gap int64) *history {
	return &history{
		random: rand.New(rand.NewPCG(1, 2)),
		gap:    gap,
		offset: 1_000_000_000,
		now:    time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC),
	}
}

func (h *history) fold(r inbox.Record) {
	h.offset += 1 + h.random.Int64N(h.gap)
	h.now = h.now.Add(time.Duration(1+h.random.IntN(20)) * time.Minute)
	in := inbox.Input{Position: inbox.Position{Epoch: 0xfedcba98, Offset: h.offset}, Time: h.now, Cap: h.cap}
	h.state, _ = inbox.Fold(h.state, r, in)
}

// notify folds a notification with an id of its own, routed from one of that
// many sources.
func (h *history) notify(n belfry.Notification, sources int) {
	h.made++
	n.Source, n.ID = "groupware", fmt.Sprint("event-", h.made)
	source := h.random.IntN(sources)
	h.fold(inbox.Record{
		Kind:         inbox.KindNotify,
		Notification: n,
		Rule:         "rule",
		Origin: inbox.Origin{
			TopicID: [16]byte{byte(source), 7},
			Rule:    inbox.RuleHash("rule"),
			Offset:  int64(50_000_000*(source%7) + 900*h.made),
			Index:   int32(h.made % 3),
		},
	})
}

// typical is what an ordinary notification looks like to the row.
func (h *history) typical() belfry.Notification {
	categories := [...]string{"approval", "board", "calendar", "reservation", "notice"}
	n := belfry.Notification{
		Category: categories[h.random.IntN(len(categories))],
		Title:    belfry.PlainText("title"),
	}
	switch h.random.IntN(10) {
	case 0, 1:
		n.CollapseKey = fmt.Sprint("thread-", h.random.IntN(40))
	case 2:
		n.ExpiresAt = h.now.Add(time.Duration(400+h.random.IntN(1000)) * time.Hour)
	case 3:
		n.Priority = belfry.PriorityHigh
	}
	return n
}

// look is a user who opens the inbox: all is seen, most of what is new is read
// one by one, sometimes the rest at once, and little is put away or deleted.
func (h *history) look(fresh int) {
	items := h.state.Items
	fresh = min(fresh, len(items))
	var seqs []uint64
	for _, e := range items[len(items)-fresh:] {
		seqs = append(seqs, e.Seq)
	}
	h.fold(inbox.Record{Kind: inbox.KindSeen, UpTo: h.state.Version})
	for _, seq := range seqs {
		one := []uint64{seq}
		switch p := h.random.IntN(20); {
		case p < 14:
			h.fold(inbox.Record{Kind: inbox.KindRead, Seqs: one})
		case p < 15:
			h.fold(inbox.Record{Kind: inbox.KindArchive, Seqs: one})
		case p < 16:
			h.fold(inbox.Record{Kind: inbox.KindDelete, Seqs: one})
		}
	}
	if h.random.IntN(4) == 0 {
		h.fold(inbox.Record{Kind: inbox.KindRead, UpTo: h.state.Version})
	}
}

// typicalState is the row of a user whose inbox is full and has been for a
// while: as many items and removals as the cap allows, routed from that many
// sources.
func typicalState(limit, sources int) inbox.State {
	h := newHistory(400_000)
	h.cap = limit
	for len(h.state.Removals) < limit || len(h.state.Items) < limit {
		fresh := 1 + h.random.IntN(8)
		for range fresh {
			h.notify(h.typical(), sources)
		}
		h.look(fresh)
	}
	return h.state
}

// fullState is a row in which every field of every item is set, with as many
// removals and watermarks as there can be.
func fullState() inbox.State {
	h := newHistory(400_000)
	for i := range 2 * inbox.DefaultCap {
		h.notify(belfry.Notification{
			Category:    fmt.Sprint("category-", i%20),
			Priority:    belfry.PriorityUrgent,
			CollapseKey: fmt.Sprint("thread-", i%inbox.DefaultCap),
			ExpiresAt:   h.now.Add(time.Duration(2000+h.random.IntN(9000)) * time.Hour),
		}, inbox.MaxWatermarks)
	}
	for i := range inbox.MaxWatermarks {
		h.fold(inbox.Record{
			Kind:   inbox.KindRetract,
			Origin: inbox.Origin{TopicID: [16]byte{byte(i), 7}, Offset: h.offset, Index: int32(i)},
		})
	}
	for _, e := range h.state.Items {
		one := []uint64{e.Seq}
		h.fold(inbox.Record{Kind: inbox.KindArchive, Seqs: one})
		h.fold(inbox.Record{Kind: inbox.KindUnarchive, Seqs: one})
		h.fold(inbox.Record{Kind: inbox.KindRead, Seqs: one})
		h.fold(inbox.Record{Kind: inbox.KindArchive, Seqs: one})
	}
	return h.state
}
