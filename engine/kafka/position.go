package kafka

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// mark is the metadata of our commits. It tells which log an offset belongs to.
type CommitMark struct {
	Epoch uint32 // of the topic's incarnation; 0: the commit isn't ours
	Time  int64  // timestamp of the record before the offset, milliseconds since 1970, or noTime
	// silent is where the records end that are older than the group's
	// activation and arrive without a sound; 0: there are none, or all are
	// processed.
	Silent int64
}

// NoTime is the time of a mark whose offset has no record before it.
const NoTime = math.MinInt64

// String returns the form that is committed, such as "0a1b2c3d.1790000000000",
// or "0a1b2c3d.1790000000000.512" while silent records are left.
func (m CommitMark) String() string {
	s := fmt.Sprintf("%08x.%d", m.Epoch, m.Time)
	if m.Silent > 0 {
		s += "." + strconv.FormatInt(m.Silent, 10)
	}
	return s
}

// parseMark returns the zero mark for what is none: another program may have
// committed, such as an operator's tool.
func ParseCommitMark(s string) CommitMark {
	epoch, rest, ok := strings.Cut(s, ".")
	at, silent, more := strings.Cut(rest, ".")
	e, err1 := strconv.ParseUint(epoch, 16, 32)
	t, err2 := strconv.ParseInt(at, 10, 64)
	if !ok || err1 != nil || err2 != nil {
		return CommitMark{}
	}
	m := CommitMark{Epoch: uint32(e), Time: t}
	if more {
		var err error
		if m.Silent, err = strconv.ParseInt(silent, 10, 64); err != nil || m.Silent <= 0 {
			return CommitMark{}
		}
	}
	return m
}

// position is where a group stands in one partition when a session begins.
type StartPosition struct {
	Committed int64      // the next record to process; -1: nothing was committed
	Mark      CommitMark // of the commit
	Epoch     uint32
	Log       LogRange
	// last is the timestamp of the record before committed, in milliseconds;
	// -1: it is gone, or was not asked for.
	last int64
}

// Foreign reports whether another program has committed the position: its commit has
// no mark of ours.
func (p *StartPosition) Foreign() bool { return p.Committed >= 0 && p.Mark.Epoch == 0 }

// verdict is what a session does with a partition.
type verdict int

const (
	Proceed verdict = iota
	Rewind          // the log is a new one: from its oldest record
	Refused         // the log is not the one that was processed
)

// Judge decides. The text says why, and is empty for an ordinary start.
func (p *StartPosition) Judge() (verdict, string) {
	switch {
	case p.Committed < 0:
		return Proceed, ""
	case p.Mark.Epoch != 0 && p.Mark.Epoch != p.Epoch:
		return Rewind, "the topic was deleted and created again"
	case p.Committed > p.Log.End:
		return Refused, fmt.Sprintf("it ends at offset %d, but records up to %d were processed", p.Log.End, p.Committed-1)
	// A log that was cut short may have grown past the offset since.
	case p.Mark.Epoch != 0 && p.Mark.Time != NoTime && p.last >= 0 && p.last != p.Mark.Time:
		return Refused, fmt.Sprintf("its record %d is not the one that was processed", p.Committed-1)
	case p.Committed < p.Log.Start:
		return Proceed, fmt.Sprintf("%d records were deleted before they were processed", p.Log.Start-p.Committed)
	}
	return Proceed, ""
}

// TopicPartition names a partition.
type TopicPartition struct {
	Topic     string
	Partition int32
}

// Compare orders by topic, then by partition.
func (p TopicPartition) Compare(o TopicPartition) int {
	return cmp.Or(cmp.Compare(p.Topic, o.Topic), cmp.Compare(p.Partition, o.Partition))
}
