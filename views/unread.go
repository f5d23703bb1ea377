package views

import (
	"fmt"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine"
)

// Unread reads the rows of all recipients.
type Unread struct {
	*engine.View
	watchers
	// Reports is told of each row; set it before Run. It may be nil.
	Reports *Reports
}

// NewUnread returns a view that holds nothing until Run.
func NewUnread(cfg engine.Config, prefix belfry.Prefix) *Unread {
	u := &Unread{}
	u.View = engine.NewView(cfg, engine.Table{
		Topic: prefix.UnreadTable(), Accept: codec.NotOlder,
		Refused:  func(key string) { u.Reports.Refused(key) },
		Accepted: func(key string) { u.Reports.Accepted(key) },
		Changed:  u.notify, Replaced: u.notifyAll,
	})
	return u
}

// Row returns the recipient's row, the zero State for one nobody has written
// to. The error matches belfry.ErrNotReady until the view has recovered once,
// and belfry.ErrNewerFormat or belfry.ErrCorrupt for a row that it cannot read.
func (u *Unread) Row(recipient string) (belfry.State, error) {
	data, err := u.Get(recipient)
	if err != nil || data == nil {
		return belfry.State{}, err
	}
	row, err := codec.DecodeState(data)
	if err != nil {
		return belfry.State{}, fmt.Errorf("decode row: %w", err)
	}
	return row, nil
}
