package broadcast

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
	"github.com/belfry/belfry/internal/options"
	"github.com/belfry/belfry/internal/userdata"
)

// found is what the unread table holds.
type found struct {
	partitions int
	boards     []*board.Board // nil for a partition without one in this epoch of the journal
	users      int            // who have a row
	reached    int            // of them, whom the audience concerns
}

// errOff says that a notice would not reach the users of some partitions.
var errOff = errors.New("nothing can be announced")

// checkOn returns an error that matches errOff if a partition has no board.
func (f *found) checkOn(cfg kafka.Config) error {
	var off []int
	for p, b := range f.boards {
		if b == nil {
			off = append(off, p)
		}
	}
	if len(off) == 0 {
		return nil
	}
	return fmt.Errorf("%w: of %d partitions of %s these have no notice board: %v. Start the processors of this release; if they run, and /ops says that rows count from different bases, stop them and run %q",
		errOff, f.partitions, cfg.Prefix.Journal(), off, cfg.TopicsCommand()+" --new-epoch")
}

// checkRoom returns an error if a notice would show at once and not at its time. All
// partitions have a board.
func (f *found) checkRoom(r inbox.Record, now time.Time) error {
	if slices.ContainsFunc(f.boards, func(b *board.Board) bool { return b.Crowds([]inbox.Record{r}, now) }) {
		return fmt.Errorf("%d notices are scheduled already, and one more would show to everybody at once: announce it when one of them has shown or was taken back, or without --deliver-at", inbox.MaxHidden)
	}
	return nil
}

// knows returns how many partitions have, or have had, a notice with the identity of n.
func (f *found) knows(n *belfry.Notification) int {
	r := inbox.Record{Kind: inbox.KindNotify, Notification: *n}
	hash, in := r.Identity(), 0
	for _, b := range f.boards {
		if b != nil && (slices.ContainsFunc(b.State.Items, func(e inbox.Entry) bool { return e.Hash == hash }) ||
			slices.ContainsFunc(b.State.Removals, func(r inbox.Removal) bool { return r.Hash == hash })) {
			in++
		}
	}
	return in
}

// look reads the whole unread table, a partition at a time.
func look(ctx context.Context, cfg kafka.Config, audience string) (*found, error) {
	infos, err := options.LookUp(cfg, cfg.Prefix.Journal(), cfg.Prefix.UnreadTable())
	if err != nil {
		return nil, err
	}
	journal := infos[cfg.Prefix.Journal()]
	out := &found{partitions: journal.Partitions, boards: make([]*board.Board, journal.Partitions)}
	for p := range int32(infos[cfg.Prefix.UnreadTable()].Partitions) {
		held, err := userdata.ReadPartition(ctx, cfg, p, "")
		if err != nil {
			return nil, err
		}
		if err := out.add(p, held, journal.ID.Epoch(), audience); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// add adds the rows of a partition.
func (f *found) add(partition int32, held *userdata.Partition, epoch uint32, audience string) error {
	if b := held.Board; b != nil && b.State.Epoch == epoch {
		f.boards[partition] = b
	}
	topic, isTopic := strings.CutPrefix(audience, belfry.TopicAudience(""))
	for user := range held.Rows {
		f.users++
		if isTopic {
			row, err := held.Stored(user)
			if err != nil {
				return err
			}
			if !row.HasTopic(inbox.TopicOf(topic).Hash) {
				continue
			}
		}
		f.reached++
	}
	return nil
}
