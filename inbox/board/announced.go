package board

import (
	"cmp"
	"slices"
	"time"

	"github.com/belfry/belfry/inbox"
)

// Announced is a notice that is live or scheduled, as the boards of all partitions have it.
type Announced struct {
	Entry    inbox.Entry      // on the first of these boards
	Audience uint64           // inbox.AudienceHash
	Seqs     map[int32]uint64 // by partition, of those that have it
	// Content is what one of the partitions has under its seq; Pending says that none of
	// them has it yet.
	Content inbox.Item
	Pending bool
}

// Announcements returns what boards hold at now, by partition and nil for one without: each
// notice once, the newest first. Content returns that of a notice of a partition, and false
// while it is not there; its error ends the call.
func Announcements(boards []*Board, now time.Time, content func(partition int32, seq uint64) (inbox.Item, bool, error)) ([]*Announced, error) {
	// Each audience has identities of its own; what has none is one notice in each partition.
	type identity struct{ hash, audience uint64 }
	known, all := map[identity]*Announced{}, []*Announced{}
	for p, b := range boards {
		if b == nil {
			continue
		}
		for i := range b.State.Items {
			e := &b.State.Items[i]
			if e.Expired(now) {
				continue
			}
			key := identity{e.Hash, b.Notices[i].Audience}
			a := known[key]
			if a == nil || e.Hash == 0 {
				a = &Announced{Entry: *e, Audience: key.audience, Seqs: map[int32]uint64{}, Pending: true}
				known[key], all = a, append(all, a)
			}
			a.Seqs[int32(p)] = e.Seq
			if !a.Pending {
				continue
			}
			item, ok, err := content(int32(p), e.Seq)
			if err != nil {
				return nil, err
			}
			if ok {
				a.Content, a.Pending = item, false
			}
		}
	}
	slices.SortStableFunc(all, func(a, b *Announced) int {
		return cmp.Or(b.Content.Time.Compare(a.Content.Time), cmp.Compare(b.Entry.Place(), a.Entry.Place()))
	})
	return all, nil
}
