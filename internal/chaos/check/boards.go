package check

import (
	"slices"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
	"github.com/belfry/belfry/internal/chaos/history"
)

// notices are what a partition's journal has made of its board, from which all users of
// the partition are shown notices.
type notices struct {
	boards   []*board.Board // after each record of the board, by rising version; at first that of before
	contents map[uint64]inbox.Item
}

// at returns the board as the record of a version has left it, or the last one before.
func (n *notices) at(version uint64) *board.Board {
	i, found := slices.BinarySearchFunc(n.boards[1:], version, func(b *board.Board, version uint64) int {
		switch v := b.State.Version; {
		case v < version:
			return -1
		case v > version:
			return 1
		}
		return 0
	})
	if found {
		i++
	}
	return n.boards[i]
}

func (n *notices) last() *board.Board { return n.boards[len(n.boards)-1] }

// partitions makes the notices of each partition, before their records are replayed.
func partitions(t *history.Truth) []*notices {
	all := make([]*notices, max(t.Partitions, 1))
	for i := range all {
		first := board.New(board.Row{})
		if own, ok := t.Boards[belfry.PartitionKey(int32(i))]; ok && own.State.Epoch == t.Epoch {
			first = first.Begin(t.Epoch, own.State.Base)
		} else {
			first = first.Begin(t.Epoch, 0)
		}
		all[i] = &notices{boards: []*board.Board{first}, contents: map[uint64]inbox.Item{}}
	}
	return all
}

// partitionOf is where a user's records are.
func partitionOf(user string, of []*notices) *notices { return of[kafka.Partition(user, len(of))] }

// foldNotice folds a record of the partition's own.
func (p *person) foldNotice(o *oracle, j *history.Journaled) inbox.Effects {
	if board.CheckRecord(&j.Record) != nil {
		return inbox.Effects{}
	}
	next, effects := board.Fold(p.notices.last(), j.Record, inbox.Input{
		Position: inbox.Position{Epoch: p.epoch, Offset: j.Offset}, Time: j.Time, Cap: p.boards, Keep: p.cap,
	})
	p.notices.boards = append(p.notices.boards, next)
	o.stored, o.final = next.State, next.State
	if effects.Item != nil {
		p.notices.contents[effects.Item.Seq] = *effects.Item
	}
	return effects
}

// sameBoard compares all that the rows of boards hold.
func sameBoard(a, b *board.Row) bool {
	return sameRow(&a.State, &b.State) && slices.Equal(a.Notices, b.Notices) && slices.Equal(a.Stays, b.Stays) &&
		slices.Equal(a.Horizons, b.Horizons) && a.Floor == b.Floor && a.Keep == b.Keep
}

// Finals returns what each of the users is shown once all that is in the journal is. Of t
// it needs Epoch, Cap, Partitions, BoardCap, Journal and Boards.
func Finals(t *history.Truth, users []string) map[string]inbox.State {
	people, _ := byUser(&history.History{}, t, &report{})
	replay(people, &report{})
	finals := map[string]inbox.State{}
	for _, user := range users {
		if p := people[user]; p != nil {
			finals[user] = p.oracle.final
			continue
		}
		partition := belfry.PartitionKey(kafka.Partition(user, max(t.Partitions, 1)))
		if own := people[partition]; own != nil {
			finals[user] = own.notices.last().Show(inbox.State{})
		}
	}
	return finals
}
