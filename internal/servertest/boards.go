package servertest

import (
	"context"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
)

// OpenBoards gives each of so many partitions a notice board with room for so many
// notices. A user's partition is the length of the name, modulo partitions.
func (f *Tables) OpenBoards(partitions, room int) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	f.boardCap, f.boards = room, make([]*board.Board, partitions)
	for p := range f.boards {
		f.boards[p] = board.New(board.Row{}).Begin(f.Epoch, 0)
	}
}

// CloseBoard takes away that of a partition, as it is where rows count from different bases.
func (f *Tables) CloseBoard(partition int) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	f.boards[partition] = nil
}

// OpenBoard gives it one, as processors do that have just begun, and wakes who waits.
func (f *Tables) OpenBoard(partition int) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	f.boards[partition] = board.New(board.Row{}).Begin(f.Epoch, 0)
	f.Wake(belfry.PartitionKey(int32(partition)))
}

// JournalNow is how many partitions there are, and the journal's epoch.
func (f *Tables) JournalNow(context.Context) (partitions int, epoch uint32, err error) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	return len(f.boards), f.Epoch, f.NowErr
}

// Board is that of a partition, nil for none.
func (f *Tables) Board(partition int32) (*board.Board, error) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	if f.NotReady {
		return nil, belfry.ErrNotReady
	}
	return f.boards[partition], nil
}

// EachRow visits the rows of users as readers see them.
func (f *Tables) EachRow(_ context.Context, visit func(partition int32, row *inbox.State) error) error {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	for user := range f.Rows {
		if _, own := belfry.ParsePartitionKey(user); own {
			continue
		}
		row := f.shown(user)
		if err := visit(f.partition(user), &row); err != nil {
			return err
		}
	}
	return nil
}

// Partition is the partition of a user, -1 for none.
func (f *Tables) Partition(user string) int32 {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	if len(f.boards) == 0 {
		return -1
	}
	return f.partition(user)
}

func (f *Tables) partition(user string) int32 { return int32(len(user) % len(f.boards)) }

// boardOf is the board of a user's partition, nil for none.
func (f *Tables) boardOf(user string) *board.Board {
	if len(f.boards) == 0 {
		return nil
	}
	return f.boards[f.partition(user)]
}

// shown is the row of a user as readers see it.
func (f *Tables) shown(user string) inbox.State {
	if b := f.boardOf(user); b != nil {
		return b.Show(f.Rows[user])
	}
	return f.Rows[user]
}

// fold is the real fold of a record of a board or a user.
func (f *Tables) fold(key string, record inbox.Record, in inbox.Input) (inbox.State, inbox.Effects) {
	if partition, own := belfry.ParsePartitionKey(key); own && f.boards[partition] != nil {
		in.Cap, in.Keep = f.boardCap, inbox.DefaultCap
		next, effects := board.Fold(f.boards[partition], record, in)
		f.boards[partition] = next
		return next.State, effects
	}
	row := f.States[key]
	if b := f.boardOf(key); b != nil {
		in.Base, in.Keep = b.State.Base, b.Keep
		row = board.Advance(row, b, in.Base+uint64(in.Offset)+1)
	}
	return inbox.Fold(row, record, in)
}
