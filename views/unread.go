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
)

// Reports learns of rows in the order of the table, as upkeep.Reports does: of one
// that was refused for its lower version, and of one that was accepted. Its
// methods must not block.
type Reports interface {
	Refused(key string)
	Accepted(key string)
}

// Unread reads the rows of all recipients.
type Unread struct {
	*table.View
	watchers watchers[func()]
	// Reports hears of each row; set it before Run. It may be nil.
	Reports Reports
}

// NewUnread returns a view that holds nothing until Run.
func NewUnread(cfg kafka.Config, prefix belfry.Prefix) *Unread {
	u := &Unread{}
	u.View = table.NewView(cfg, table.Definition{
		Topic: prefix.UnreadTable(), Accept: codec.NotOlder,
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
		Changed:  func(key string, _ []byte) { u.watchers.notify(key, call) },
		Replaced: func() { u.watchers.notifyAll(call) },
	})
	return u
}

func call(changed func()) { changed() }

// Watch has changed called after each change of the recipient's row, and when the
// whole table has become readable or another, until stop is called. It must not
// block. After stop has returned there is no further call; so changed must not
// call stop.
func (u *Unread) Watch(recipient string, changed func()) (stop func()) {
	return u.watchers.add(recipient, changed)
}

// Row returns the recipient's row, the zero State for one nobody has written
// to. The error matches belfry.ErrNotReady until the view has recovered once,
// and belfry.ErrNewerFormat or belfry.ErrCorrupt for a row that it cannot read.
func (u *Unread) Row(recipient string) (inbox.State, error) {
	data, err := u.Get(recipient)
	if err != nil || data == nil {
		return inbox.State{}, err
	}
	row, err := codec.DecodeState(data)
	if err != nil {
		return inbox.State{}, fmt.Errorf("decode row: %w", err)
	}
	return row, nil
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
func (u *Unread) Stamp(recipient string, now time.Time) (inbox.Stamp, error) {
	return glance(u, recipient, inbox.Stamp{}, func(b []byte) (inbox.Stamp, error) { return codec.DecodeStamp(b, now) })
}

// Badge returns the badge of the recipient's row at now for a fraction of what
// [Unread.Row] takes. Errors are as those of [Unread.Stamp].
func (u *Unread) Badge(recipient string, now time.Time) (inbox.Badge, error) {
	none := new(inbox.State).Badge(now)
	return glance(u, recipient, none, func(b []byte) (inbox.Badge, error) { return codec.DecodeBadge(b, now) })
}

func glance[T any](u *Unread, recipient string, none T, decode func([]byte) (T, error)) (T, error) {
	data, err := u.Get(recipient)
	if err != nil || data == nil {
		return none, err
	}
	shown, err := decode(data)
	if err != nil {
		return none, fmt.Errorf("decode row: %w", err)
	}
	return shown, nil
}
