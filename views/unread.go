package views

import (
	"context"
	"fmt"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
)

// Reports learns of rows in the order of the table, as upkeep.Reports does: of one
// that was refused for its lower version, and of one that was accepted. Its
// methods must not block.
type Reports interface {
	Refused(key string)
	Accepted(key string)
}

// Unread reads the rows of all recipients. A row is shown with what its partition's board
// has for everybody and for the topics of the row ([board.Board.Show]): both are of one
// time, so that it is what the table held at that time, whoever writes meanwhile. Where
// there never was a notice, rows are shown as they are stored.
type Unread struct {
	*table.View
	watchers watchers[func()]       // by recipient, and by a partition's key for its board
	rows     watchers[func(string)] // of all rows, under ""
	boards   watchers[func(int32)]  // of all boards, under ""
	// Reports hears of each row; set it before Run. It may be nil.
	Reports Reports
}

// NewUnread returns a view that holds nothing until Run.
func NewUnread(cfg kafka.Config, prefix belfry.Prefix) *Unread {
	u := &Unread{}
	u.View = table.NewView(cfg, table.Definition{
		Topic: prefix.UnreadTable(), Accept: codec.NotOlder, Own: post,
		// Half of it leaves room for clocks, and for how late a broker tells of an end.
		Stale: belfry.CompactionLag / 2,
		Refused: func(key string) {
			if u.Reports != nil {
				u.Reports.Refused(key)
			}
		},
		Accepted: func(key string) {
			if u.Reports != nil {
				u.Reports.Accepted(key)
			}
		},
		Changed: u.changed,
		Replaced: func() {
			u.watchers.notifyAll(call)
			u.rows.notify("", func(changed func(string)) { changed("") })
		},
	})
	return u
}

func call(changed func()) { changed() }

func (u *Unread) changed(key string, _ []byte) {
	u.watchers.notify(key, call)
	if p, ok := belfry.ParsePartitionKey(key); ok {
		u.watchers.notify(anyBoard, call)
		u.boards.notify("", func(changed func(int32)) { changed(p) })
		return
	}
	u.rows.notify("", func(changed func(string)) { changed(key) })
}

// Watch has changed called after each change of the recipient's row and of the
// partition's board, and when the whole table has become readable or another, until stop
// is called. It must not block. After stop has returned there is no further call; so
// changed must not call stop.
func (u *Unread) Watch(recipient string, changed func()) (stop func()) {
	return u.watchers.addBoth(recipient, u.Partition(recipient), changed)
}

// WatchRows is Watch for the rows of all recipients: changed is called with whose it was,
// with "" when the whole table has become readable or another. A change of a board is not
// told.
func (u *Unread) WatchRows(changed func(recipient string)) (stop func()) {
	return u.rows.add("", changed)
}

// WatchBoards has changed called with the partition after each change of a partition's
// board, as Watch has it.
func (u *Unread) WatchBoards(changed func(partition int32)) (stop func()) {
	return u.boards.add("", changed)
}

// Row returns the recipient's row as it is shown; of one nobody has written to what is
// for everybody, the zero State if that is nothing. It may share memory with other rows:
// what it points to may not be modified. The error matches belfry.ErrNotReady until the
// view has recovered once, and belfry.ErrNewerFormat or belfry.ErrCorrupt for a row or a
// board that it cannot read.
func (u *Unread) Row(recipient string) (inbox.State, error) {
	return u.RowInto(new(inbox.State), recipient)
}

// RowInto is [Unread.Row] for a reader of one row after the other: items and removals may
// take the memory of those of memory, which has what a later call may take. Nobody may use
// the row any more by then.
func (u *Unread) RowInto(memory *inbox.State, recipient string) (inbox.State, error) {
	data, on, err := u.encoded(recipient)
	switch {
	case err != nil:
		return inbox.State{}, err
	case data == nil:
		return on.nobody(), nil
	}
	return on.show(data, memory)
}

// Stored returns the recipient's row as it is stored, the zero State for one nobody has
// written to: what was applied to it ([inbox.State.Applied]) and what it holds is judged
// by that. Of a partition's key it is that of the board. Errors are those of [Unread.Row].
func (u *Unread) Stored(recipient string) (inbox.State, error) {
	if p, own := belfry.ParsePartitionKey(recipient); own {
		on, err := u.postedOn(p)
		return on.board.State, err
	}
	data, _, err := u.encoded(recipient)
	if err != nil || data == nil {
		return inbox.State{}, err
	}
	return unknown.show(data, new(inbox.State))
}

// Board returns the board of a partition, nil if the table has no row of the partition's
// own. Errors are those of [Unread.Row].
func (u *Unread) Board(partition int32) (*board.Board, error) {
	on, err := u.postedOn(partition)
	if err != nil || on == &unknown {
		return nil, err
	}
	return on.board, nil
}

func (u *Unread) postedOn(partition int32) (*posted, error) {
	own, err := u.OwnOf(partition)
	if err != nil {
		return &unknown, err
	}
	return own.(*posted), own.(*posted).err
}

// EachRow calls visit with the row of each recipient who has one, as it is shown, and its
// partition. Of a row that changes meanwhile the one before may be visited with the board
// of after. The row is visit's until it returns. Otherwise it is as [table.View.Each], with
// the errors of [Unread.Row].
func (u *Unread) EachRow(ctx context.Context, visit func(partition int32, row *inbox.State) error) error {
	return u.Each(ctx, func(key string, value []byte, _ time.Time) error {
		if _, own := belfry.ParsePartitionKey(key); own {
			return nil
		}
		partition := u.Partition(key)
		on, err := u.postedOn(partition)
		if err != nil {
			return err
		}
		row, err := on.show(value, new(inbox.State))
		if err != nil {
			return err
		}
		return visit(partition, &row)
	})
}

// EachUser calls visit for each recipient who has a row, beginning at another
// place each time. It may be visited slowly. Otherwise it is as
// [table.View.EachKey].
func (u *Unread) EachUser(ctx context.Context, visit func(recipient string) error) error {
	return u.EachKey(ctx, func(key string) error {
		if _, own := belfry.ParsePartitionKey(key); own {
			return nil
		}
		return visit(key)
	})
}

// Stamp returns the stamp of the recipient's row at now for a fraction of what
// [Unread.Row] takes. Errors are those of Row, but for a row that is corrupt in
// what is not read of it.
func (u *Unread) Stamp(recipient string, now time.Time) (stamp inbox.Stamp, err error) {
	data, on, err := u.encoded(recipient)
	switch {
	case err != nil:
		return stamp, err
	case data == nil:
		none := on.nobody()
		return none.Stamp(now), nil
	case on.used:
		stamp, err = codec.DecodeShownStamp(data, on.board, now)
	default:
		stamp, err = codec.DecodeStamp(data, now)
	}
	if err != nil {
		return inbox.Stamp{}, fmt.Errorf("decode row: %w", err)
	}
	return stamp, nil
}

// Badge returns the badge of the recipient's row at now for a fraction of what
// [Unread.Row] takes. Errors are as those of [Unread.Stamp].
func (u *Unread) Badge(recipient string, now time.Time) (badge inbox.Badge, err error) {
	data, on, err := u.encoded(recipient)
	switch {
	case err != nil:
	case data == nil:
		none := on.nobody()
		return none.Badge(now), nil
	case on.used:
		badge, err = codec.DecodeShownBadge(data, on.board, now)
	default:
		badge, err = codec.DecodeBadge(data, now)
	}
	if err != nil {
		return new(inbox.State).Badge(now), fmt.Errorf("decode row: %w", err)
	}
	return badge, nil
}

// encoded returns a row as it is stored, nil if there is none, and the board that the
// table had with it.
func (u *Unread) encoded(recipient string) ([]byte, *posted, error) {
	data, own, err := u.Read(recipient)
	on, ok := own.(*posted)
	if !ok {
		on = &unknown
	}
	if err == nil && on.err != nil {
		err = fmt.Errorf("decode board: %w", on.err)
	}
	return data, on, err
}

// posted is a partition's board as its readers share it.
type posted struct {
	board *board.Board
	used  bool // there was a notice
	err   error
}

var unknown = posted{board: new(board.Board)}

// post is the [table.Definition.Own] of boards.
func post(value []byte) any {
	if value == nil {
		return &unknown
	}
	row, err := codec.DecodeBoard(value)
	if err != nil {
		return &posted{board: unknown.board, err: err}
	}
	return &posted{board: board.New(row), used: row.Keep > 0}
}

// show decodes a row, with what the board has for it, as RowInto says.
func (p *posted) show(data []byte, memory *inbox.State) (inbox.State, error) {
	room := 0
	if version, err := codec.RowVersion(data); p.used && err == nil {
		room = p.board.Coming(version)
	}
	row, err := codec.DecodeStateInto(*memory, data, room)
	if err != nil {
		return inbox.State{}, fmt.Errorf("decode row: %w", err)
	}
	// Not what is shown of nobody, which is the board's.
	if len(row.Items) > 0 {
		memory.Items = row.Items
	}
	if len(row.Removals) > 0 {
		memory.Removals = row.Removals
	}
	if p.used {
		row = p.board.ShowOwned(row)
	}
	return row, nil
}

// nobody is what is shown of who has no row.
func (p *posted) nobody() inbox.State {
	if !p.used {
		return inbox.State{}
	}
	return p.board.Show(inbox.State{})
}
