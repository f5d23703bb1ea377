package history

import (
	"sync"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
)

// History is what the clients of one run did and saw. It is safe for concurrent
// use while the run lasts; the checker reads its fields after it.
type History struct {
	mu        sync.Mutex
	Sent      []Sent
	Acted     []Acted
	Polled    []Polled
	Listed    []Listed
	Frames    []Frame
	Committed []Committed
	Faults    []Fault
}

// Sent is one notification that a writer tried to send. The same ID may be sent
// to a recipient several times.
type Sent struct {
	At                    time.Time
	Via                   string // "http" or "kafka"
	Recipient, Source, ID string
	Poison                bool // it cannot be read: it must become a dead letter
	Acknowledged          bool // false: unknown, it may or may not have been written
}

// Acted is one command of a user: seen, read, unread, archive, unarchive or
// delete.
type Acted struct {
	At           time.Time
	Recipient    string
	Record       inbox.Record // kind and selection
	Acknowledged bool         // answered 200 or 202; false: unknown
	Version      uint64       // of the answer if it was 200, or 0
}

// Polled is one answer with counts: of a poll, or of a command.
type Polled struct {
	At                   time.Time
	Client, Server, User string
	Cursor               inbox.Cursor
	Counts               inbox.Counts
	// Late marks the 202 of a command: it may be older than what the client has
	// seen. All other answers may not, so a client asks for what it knows.
	Late bool
}

// Listed is one page of a list.
type Listed struct {
	At                   time.Time
	Client, Server, User string
	Cursor               inbox.Cursor
	Version              uint64 // of the counts; the cursor may stay before it
	Unread               int
	Archived             bool   // status=archived; else all that are not
	Before               uint64 // 0 for the first page
	Next                 uint64 // 0 for the last page
	Limit                int    // that was asked for, or 0 if that is not to be checked
	Items                []Item
}

// Item is one item as a client sees it.
type Item struct {
	Seq      uint64 `json:"seq"`
	Version  uint64 `json:"version"`
	ID       string `json:"id"`
	Source   string `json:"source"`
	Audience string `json:"audience"` // of a notice
	Category string `json:"category"`
	Read     bool   `json:"read"`
	Seen     bool   `json:"seen"`
	Archived bool   `json:"archived"`
	Pending  bool   `json:"pending"`
	Count    int    `json:"count"`
	Replaces uint64 `json:"replaces"`
	Shown    uint64 `json:"shown"` // version at which it was brought back, or its wake settled
}

// Frame is one event that a stream's client received. Connection counts the
// client's connections from 1; an Event of "open" marks the begin of one, with
// the cursor that was asked for as ID.
type Frame struct {
	At                   time.Time
	Client, Server, User string
	Connection           int
	Event, ID            string
	Data                 []byte
}

// Committed is one look at a group's committed offset, at least 0.
type Committed struct {
	At           time.Time
	Group, Topic string
	Partition    int32
	Offset       int64
}

// Fault is one thing that was done to the installation.
type Fault struct {
	At   time.Time
	What string
}

// Truth is what Kafka and the servers hold once everything has come to rest.
type Truth struct {
	Epoch      uint32 // of the journal
	Cap        int
	Partitions int // of each topic
	BoardCap   int // notices that a board keeps
	// Journal holds every record, by rising offset within each partition.
	Journal []Journaled
	// Rows and Items are the last value of each key in the two table topics;
	// a key whose last value is a tombstone is absent.
	Rows   map[string]inbox.State
	Boards map[string]board.Row  // the partitions' own rows, by belfry.PartitionKey
	Items  map[string]inbox.Item // by recipient/seq, and those of notices by their partition's
	// Endpoints are those of the inbox table, by inbox.EndpointKey.
	Endpoints map[string]inbox.Address
	// Outbound holds every record of the outbound topic.
	Outbound []Decided
	Dead     []Dead
	// Lists holds, for each server and user, all pages of both lists, each
	// begun after everything had come to rest.
	Lists []Listed
	// Held is what each stream's client believes at the end.
	Held []Held
	// Stuck names what did not come to rest in time, such as a group with lag.
	Stuck []string
}

// Journaled is one record of the journal.
type Journaled struct {
	Recipient  string
	Partition  int32
	Offset     int64
	Time       time.Time
	Record     inbox.Record
	Unreadable bool // it cannot be decoded: it must be a dead letter
}

// Decided is one record of the outbound topic.
type Decided struct {
	User string
	inbox.Outbound
}

// Dead is one dead letter.
type Dead struct {
	Reason    deadletter.Reason
	Topic     string // where it came from
	Partition int32
	Offset    int64
	ID        string // of the notification, if its value holds one
}

// Held is one stream client's inbox.
type Held struct {
	Client, User string
	Cursor       inbox.Cursor
	Unread       int
	Items        []Item // not archived ones, newest first
}

// Record adds to the history.
func (h *History) Record(event any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch e := event.(type) {
	case Sent:
		h.Sent = append(h.Sent, e)
	case Acted:
		h.Acted = append(h.Acted, e)
	case Polled:
		h.Polled = append(h.Polled, e)
	case Listed:
		h.Listed = append(h.Listed, e)
	case Frame:
		h.Frames = append(h.Frames, e)
	case Committed:
		h.Committed = append(h.Committed, e)
	case Fault:
		h.Faults = append(h.Faults, e)
	}
}

// ParseItemKey is [inbox.ParseItemKey], and takes the keys of notices as well, whose name
// is that of their partition's own row.
func ParseItemKey(key string) (name string, seq uint64, ok bool) {
	if name, seq, ok = inbox.ParseItemKey(key); ok {
		return name, seq, true
	}
	partition, seq, ok := inbox.ParseNoticeKey(key)
	return belfry.PartitionKey(partition), seq, ok
}
