package processors

import (
	"github.com/lovoo/goka"

	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine"
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
	// The value goes on as it is, so that fields of a newer Belfry survive.
	if err := engine.Guard(func() error { return codec.CheckItem(c.Key(), value) }); err != nil {
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
