package codec

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/belfry/belfry/codec/belfrypb"
	"github.com/belfry/belfry/inbox"
)

// The numbers of the columns of the capability broadcast: those of a user's row, and
// those of a board.
const (
	rowBroadcastField = 42
	rowBoardField     = 43
)

// usesBroadcast reports whether a row whose items and removals are encoded uses the
// capability.
func (e *rowEncoder) usesBroadcast(s *inbox.State) bool {
	return s.Joined || len(s.Topics) > 0 || len(e.notices) > 0 || len(e.goneNotices) > 0
}

// storedNotice is the entry of a notice as it is stored, with the audience for a hash.
func storedNotice(e *inbox.Entry) inbox.Entry {
	return inbox.Entry{
		Seq: e.Seq, Version: e.Version, Unarchived: e.Unarchived, Hash: e.Shared.Audience, Count: 1,
		Read: e.Read, Seen: e.Seen, Archived: e.Archived,
	}
}

// fromBroadcast returns the columns of the capability in a user's row, of which the items
// and removals at those places are of notices.
func fromBroadcast(s *inbox.State, notices, gone []int) *belfrypb.Broadcast {
	m := &belfrypb.Broadcast{Joined: s.Joined}
	for _, t := range s.Topics {
		m.TopicName, m.TopicHash = append(m.TopicName, t.Name), append(m.TopicHash, t.Hash)
	}
	m.ItemIndex, m.RemovalIndex = deltas(notices), deltas(gone)
	return m
}

func deltas(places []int) []uint64 {
	out := make([]uint64, len(places))
	last := 0
	for i, place := range places {
		out[i], last = uint64(place-last), place
	}
	return out
}

// decodeBroadcast adds to a row whose items and removals are there what the columns of the
// capability say.
func decodeBroadcast(s *inbox.State, b []byte) error {
	var m belfrypb.Broadcast
	if err := proto.Unmarshal(b, &m); err != nil {
		return err
	}
	if extra(&m) != nil {
		return fmt.Errorf("unknown columns of broadcast")
	}
	if len(m.TopicName) != len(m.TopicHash) {
		return fmt.Errorf("topic columns of %d and %d values", len(m.TopicName), len(m.TopicHash))
	}
	s.Joined = m.Joined
	for i, name := range m.TopicName {
		s.Topics = append(s.Topics, inbox.Topic{Name: name, Hash: m.TopicHash[i]})
	}
	shared := make([]inbox.Shared, len(m.ItemIndex))
	err := eachPlace("item", m.ItemIndex, len(s.Items), func(n, place int) error {
		e := &s.Items[place]
		shared[n].Audience, e.Hash = e.Hash, 0
		e.Shared = &shared[n]
		if e.Category != "" || e.Priority != 0 || e.ExpiresAt != 0 || e.Collapse != 0 || e.Replaces != 0 || e.Count != 1 {
			return fmt.Errorf("item %d is a notice with what stands on its board", e.Seq)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return eachPlace("removal", m.RemovalIndex, len(s.Removals), func(_, place int) error {
		s.Removals[place].Shared = true
		return nil
	})
}

// eachPlace calls each with the places that a column of deltas names, which rise, out of
// so many.
func eachPlace(what string, column []uint64, most int, each func(n, place int) error) error {
	var place uint64
	for n, delta := range column {
		before := place
		if place += delta; place >= uint64(most) || n > 0 && place <= before {
			return fmt.Errorf("%s %d of %d is of a notice, after %d", what, place, most, before)
		}
		if err := each(n, int(place)); err != nil {
			return err
		}
	}
	return nil
}

// checkTopics returns what is wrong with the topics of s.
func checkTopics(s *inbox.State) error {
	last := uint64(0)
	for _, t := range s.Topics {
		if t.Hash <= last {
			return fmt.Errorf("topic %#x after %#x", t.Hash, last)
		}
		last = t.Hash
	}
	return nil
}
