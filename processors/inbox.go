package processors

import (
	"errors"

	"github.com/lovoo/goka"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/inbox"
)

// Inbox writes contents and tombstones into the inbox table. It keeps no store
// of its own: nothing here reads a content back, the table is the views' and
// the next owner of a partition starts at once.
type Inbox struct{ Deps }

// NewInbox returns the group that materialises contents.
func NewInbox(d Deps) *Inbox { return &Inbox{Deps: d} }

// Group is the definition for engine.NewProcessor.
func (i *Inbox) Group(options ...goka.ProcessorOption) engine.Group {
	return engine.Group{
		Graph: goka.DefineGroup(goka.Group(i.Prefix.InboxGroup()),
			goka.Input(goka.Stream(i.Prefix.Items()), engine.Bytes{}, engine.Callback(i.store)),
			goka.Persist(engine.Bytes{}),
		),
		WriteOnly: true,
		Written:   i.Metrics.writtenBy(i.Prefix.InboxGroup()),
		Options:   options,
	}
}

func (i *Inbox) store(c *engine.Context, value []byte) {
	if err := engine.Guard(func() error { return checkItem(c.Key(), value) }); err != nil {
		i.setAside(c, err)
		return
	}
	carry, end := i.span(c, "store")
	defer end()
	result := "stored"
	if value == nil {
		result = "removed"
		c.Delete()
	} else {
		c.SetValue(value, carry...)
	}
	i.Metrics.processed(i.Prefix.InboxGroup(), result, c.Timestamp())
}

// checkItem refuses what the views could not read. The value itself goes on as
// it is, so that fields of a newer Belfry survive.
func checkItem(key string, value []byte) error {
	if _, _, ok := inbox.ParseItemKey(key); !ok {
		return errors.New("the key is not recipient/seq")
	}
	if value == nil {
		return nil
	}
	if len(value) == 0 {
		return belfry.ErrEmpty
	}
	_, err := codec.DecodeItem(value)
	return err
}
