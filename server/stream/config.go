package stream

import (
	"cmp"
	"context"
	"log/slog"

	"github.com/belfry/belfry/inbox"
	"github.com/prometheus/client_golang/prometheus"
)

// Config is what a hub is made of. Rows, Items and Logger are required.
type Config struct {
	Rows   Rows
	Items  Items
	Limits Limits
	Logger *slog.Logger
	// Gone reports whether the user's client cannot get further from c, which is
	// of a log that is no more; nil is never. It may block for a while.
	Gone func(ctx context.Context, user string, c inbox.Cursor) bool
	// Registerer takes the metrics; nil takes none.
	Registerer prometheus.Registerer
	// Pushed is called for each item that a stream has shown to its user; nil is
	// not. It must not block.
	Pushed func(user string, seq uint64)
}

// Rows is the unread table as streams read it. Its methods are safe for
// concurrent use.
type Rows interface {
	// Row returns the recipient's newest known row, the zero State for one that
	// nobody has written to. The caller may not modify what it points to. The
	// error is belfry.ErrNotReady before the table was recovered once.
	Row(recipient string) (inbox.State, error)
	// Watch has changed called after each change of the recipient's part of the
	// table, once the change can be read, until stop is called. Calls may come from
	// any goroutine, also without a change, and changed must not block. After stop
	// has returned there is no further call.
	Watch(recipient string, changed func()) (stop func())
}

// Items is the inbox table as streams read it. Its methods are safe for
// concurrent use.
type Items interface {
	// Item returns the content of one item. It reports false if the table does
	// not hold it, or not yet.
	Item(recipient string, seq uint64) (inbox.Item, bool, error)
	// Watch is as that of [Rows].
	Watch(recipient string, changed func()) (stop func())
	// WatchUrgent is as Watch, and says which urgent item's content was written:
	// urgent is its seq, and 0 for any other change.
	WatchUrgent(recipient string, changed func(urgent uint64)) (stop func())
}

// Limits bounds how many streams a server holds open. Zero fields take
// the defaults, negative ones are no limit.
type Limits struct {
	Total   int // in all; the default is DefaultMaxStreams
	PerUser int // the default is DefaultMaxStreamsPerUser
	// PerAddress is by the client's address, as the trusted proxies say; the
	// default is none: a company's people may all come from one.
	PerAddress int
}

// Defaults of StreamLimits.
const (
	DefaultTotal = 50_000
	// DefaultPerUser is a browser with many tabs, a phone and some
	// more.
	DefaultPerUser = 20
)

func (l *Limits) setDefaults() {
	l.Total = cmp.Or(l.Total, DefaultTotal)
	l.PerUser = cmp.Or(l.PerUser, DefaultPerUser)
}
