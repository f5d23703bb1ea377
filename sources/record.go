package sources

import (
	"errors"
	"fmt"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

// ErrUnavailable is matched by an error about something that a record needs and
// that cannot be had now, such as a schema of a registry that is down. The
// record may be good: wait and decode it again, don't put it aside.
var ErrUnavailable = errors.New("not available now")

// Record is one record of a source topic as it was received. A function that
// is given one may keep parts of it and must change none.
type Record struct {
	Topic     string
	TopicID   [16]byte // of the topic's incarnation
	Partition int32
	Offset    int64
	Timestamp time.Time
	Key       []byte // nil: null
	Value     []byte // nil: null
	Headers   []Header
	Turn      *Turn // taken before it is decoded; nil waits for nobody
}

// Header is one header of a Kafka record.
type Header = belfry.Header

// Omission is an optional field that a delivery lacks.
type Omission struct {
	Rule  string // empty for the built-in source
	Field string
	Cause Cause
	Err   error // nil if the field is empty
}

// Cause is why an optional field is absent.
type Cause string

// The causes.
const (
	CauseNull       Cause = "null"
	CauseMissing    Cause = "missing" // the event has no such field
	CauseEmpty      Cause = "empty"   // an empty text, or a time that stands for none
	CauseUnreadable Cause = "unreadable"
)

// Delivery is one journal record for each of several recipients, or for each partition
// if it is for an audience ([inbox.Record.Audience]); it differs only in its key. A
// delivery shares its parts with others.
type Delivery struct {
	Rule       string   // name of the rule that asks for it; empty for the built-in source
	Recipients []string // checked, each once; none only beside Refused or for an audience
	Record     inbox.Record
	Omitted    []Omission // optional fields that Record lacks
	// Refused is nil, or says of whom the rule names who cannot be a recipient: the
	// error that the record as a whole would have. The others get theirs.
	Refused error
}

// Delivers reports whether there is anybody whom the record is for.
func (d *Delivery) Delivers() bool { return len(d.Recipients) > 0 || d.Record.Audience() != "" }

// Keys returns the keys under which the record is written to a journal of so many
// partitions. The caller must not change them.
func (d *Delivery) Keys(partitions int) []string {
	if d.Record.Audience() != "" {
		return belfry.PartitionKeys(partitions)
	}
	return d.Recipients
}

// ID is the default id of what is made of the record, the same each time.
func (r *Record) ID() string { return fmt.Sprintf("%x/%d/%d", r.TopicID, r.Partition, r.Offset) }

// Origin is the origin of all that a rule (by the hash of its text; 0: none)
// makes of the record.
func (r *Record) Origin(rule uint64) inbox.Origin {
	return inbox.Origin{TopicID: r.TopicID, Partition: r.Partition, Rule: rule, Offset: r.Offset}
}
