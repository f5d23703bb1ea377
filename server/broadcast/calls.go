package broadcast

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
	"github.com/belfry/belfry/server/wire"
)

// Boards are the notice boards of all partitions as a server knows them. Its methods are
// safe for concurrent use.
type Boards interface {
	// JournalNow looks up how many partitions the journal has, and its epoch.
	JournalNow(ctx context.Context) (partitions int, epoch uint32, err error)
	// Board returns the board of a partition, nil if its table holds none. The error
	// matches belfry.ErrNotReady until the table has recovered once.
	Board(partition int32) (*board.Board, error)
	// EachRow calls visit with the row of each user who has one, as readers see it, and
	// its partition. The row is visit's until it returns. It stops at the first error of
	// visit or at ctx's end, and returns that.
	EachRow(ctx context.Context, visit func(partition int32, row *inbox.State) error) error
}

// Config is what a server gives.
type Config struct {
	// Boards is nil where no board is known: then there are no broadcasts.
	Boards Boards
	// UserTopics are the names of topics that users may subscribe to themselves.
	UserTopics []string
	// Row is the user's newest row, and Asked the one that the call's min_version asks for.
	Row   func(user string) (inbox.State, error)
	Asked func(r *http.Request, user string) (inbox.State, error)
	// Item is the content of a notice under the key of its partition, and false for what is
	// not there, or not yet.
	Item func(key string, seq uint64) (inbox.Item, bool, error)
	// Await calls look until it reports true or an error, after each change of what is
	// known under a key.
	Await func(ctx context.Context, key string, look func() (bool, error)) error
	// Command appends a record of a user and returns the row once that shows it, or, if
	// that takes longer, the row as it is and false.
	Command func(ctx context.Context, user string, record inbox.Record) (row inbox.State, shown bool, err error)
	// Respond answers with the badge of the row after a command: 200, or 202 if it does not
	// show that.
	Respond func(w http.ResponseWriter, user string, row *inbox.State, shown bool)
	// Logger takes who was shown what notices say.
	Logger *slog.Logger
}

// These say why a call cannot be answered as things stand.
var (
	ErrOff       = errors.New("nothing can be announced now")
	ErrCrowded   = fmt.Errorf("%d notices are scheduled already, and one more would show to everybody at once: send it when one of them has shown or was taken back, or without deliver_at", inbox.MaxHidden)
	ErrTopics    = fmt.Errorf("a user can subscribe to at most %d topics: unsubscribe from one first", inbox.MaxTopics)
	ErrNoJournal = errors.New("the journal cannot be asked about at the moment, and nothing was written")
	ErrScanning  = errors.New("users are being counted for another call: ask again in a while")
)

// Calls answers calls about broadcasts. It is safe for concurrent use.
type Calls struct {
	config   Config
	scanning sync.Mutex // held while users are counted
}

// New returns the calls of a server.
func New(config Config) *Calls { return &Calls{config: config} }

// all returns the boards of all partitions, each nil that has none in the present epoch
// of the journal.
func (c *Calls) all(ctx context.Context) ([]*board.Board, error) {
	if c.config.Boards == nil {
		return nil, nil
	}
	partitions, epoch, err := c.config.Boards.JournalNow(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoJournal, err)
	}
	boards := make([]*board.Board, partitions)
	for p := range boards {
		b, err := c.config.Boards.Board(int32(p))
		if err != nil {
			return nil, err
		}
		if b != nil && b.State.Epoch == epoch {
			boards[p] = b
		}
	}
	return boards, nil
}

// started returns the boards once all partitions have one, or as they are after the time
// that a command waits: processors that have just begun make them.
func (c *Calls) started(ctx context.Context) (boards []*board.Board, err error) {
	waiting, cancel := context.WithTimeout(ctx, wire.MaxWait)
	defer cancel()
	for boards, err = c.all(ctx); err == nil; {
		missing := off(boards)
		if len(missing) == 0 {
			break
		}
		late := c.config.Await(waiting, belfry.PartitionKey(int32(missing[0])), func() (bool, error) {
			boards, err = c.all(ctx)
			return err == nil && len(off(boards)) < len(missing), err
		})
		if late != nil {
			break
		}
	}
	return boards, err
}

// checkOn returns an error that matches ErrOff if a partition has no board: a notice
// would reach the users of all but that one.
func checkOn(boards []*board.Board) error {
	off := off(boards)
	switch {
	case len(boards) == 0:
		return fmt.Errorf("%w: this server knows no notice boards", ErrOff)
	case len(off) == 0:
		return nil
	}
	return fmt.Errorf("%w: of %d partitions these have no notice board yet, or never: %v. Once processors of this release run, /ops says why; where rows count from different bases, belfry topics --new-epoch ends that",
		ErrOff, len(boards), off)
}

// off are the partitions without a board.
func off(boards []*board.Board) []int {
	out := []int{}
	for p, b := range boards {
		if b == nil {
			out = append(out, p)
		}
	}
	return slices.Clip(out)
}
