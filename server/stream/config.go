package stream

import (
	"cmp"
	"context"
	"log/slog"
	"net/netip"

	"github.com/belfry/belfry/inbox"
	"github.com/prometheus/client_golang/prometheus"
)

// Config is what a hub is made of. Rows, Items and Logger are required.
type Config struct {
	Rows   Rows
	Items  Items
	Limits Limits
	Logger *slog.Logger
	// Wakes is how many users a second are looked at, at the most, after a change of their
	// notice boards, or when a notice ends; DefaultWakes if it is not positive.
	Wakes int
	// Gone reports whether the user's client cannot get further from c, which is
	// of a log that is no more; nil is never. It may block for a while.
	Gone func(ctx context.Context, user string, c inbox.Cursor) bool
	// Registerer takes the metrics; nil takes none.
	Registerer prometheus.Registerer
	// Pushed is called for each item that a stream has shown to its user; nil is
	// not. It must not block.
	Pushed func(user string, seq uint64)
	// Hold returns what a stream to that address holds memory with while the HTTP server, or
	// TLS, keeps what it has not written yet; nil is no bound.
	Hold func(address netip.Addr) Hold
}

// Hold is memory that is taken until it is released. It may grow again then, and has one user
// at a time.
type Hold interface {
	// Grow takes n bytes more, or returns an error and takes nothing.
	Grow(n int64) error
	Release()
}

// Rows is the unread table as streams read it. Its methods are safe for
// concurrent use.
type Rows interface {
	// RowInto returns the recipient's newest known row as it is shown, with what stands on
	// the notice board of the recipient's partition. The caller may not modify what it
	// points to. Its items and removals may take the memory of those of memory, which has
	// what a later call may take: then the row is not to be used any more. The error is
	// belfry.ErrNotReady before the table was recovered once.
	RowInto(memory *inbox.State, recipient string) (inbox.State, error)
	// WatchRows has changed called after each change of a recipient's own row, once
	// the change can be read, with who that is; "" is all of them. Calls may come from
	// any goroutine, also without a change, and changed must not block. After stop
	// has returned there is no further call.
	WatchRows(changed func(recipient string)) (stop func())
	// WatchBoards is as WatchRows, for the notice boards of all partitions; -1 is any of them.
	WatchBoards(changed func(partition int32)) (stop func())
	// Partition returns the partition of a recipient, -1 if that is not known.
	Partition(recipient string) int32
}

// Items is the inbox table as streams read it. Its methods are safe for
// concurrent use.
type Items interface {
	// Item returns the content of one item. It reports false if the table does
	// not hold it, or not yet.
	Item(recipient string, seq uint64) (inbox.Item, bool, error)
	// WatchContents is as WatchRows of [Rows], and says which urgent item's content was
	// written: urgent is its seq, and 0 for any other change. Nothing need be said of those
	// for whom wanted is false when the content changes; it must not block either.
	WatchContents(wanted func(recipient string) bool, changed func(recipient string, urgent uint64)) (stop func())
	// WatchNotices is as WatchBoards of [Rows], for contents of notices.
	WatchNotices(changed func(partition int32)) (stop func())
}

// Limits bounds how many streams a server holds open. Zero fields take
// the defaults, negative ones are no limit.
type Limits struct {
	Total   int // in all; the default is DefaultTotal
	PerUser int // the default is DefaultPerUser
	// PerAddress is by the client's address, as the trusted proxies say; the
	// default is none: a company's people may all come from one.
	PerAddress int
}

// Defaults of [Limits].
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
