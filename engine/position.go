package engine

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// mark is the metadata of our commits. It tells which log an offset belongs to.
type mark struct {
	epoch uint32 // of the topic's incarnation; 0: the commit isn't ours
	time  int64  // timestamp of the record before the offset, milliseconds since 1970, or noTime
	// silent is where the records end that are older than the group's
	// activation and arrive without a sound; 0: there are none, or all are
	// processed.
	silent int64
}

// noTime is the time of a mark whose offset has no record before it.
const noTime = math.MinInt64

// String returns the form that is committed, such as "0a1b2c3d.1790000000000",
// or "0a1b2c3d.1790000000000.512" while silent records are left.
func (m mark) String() string {
	s := fmt.Sprintf("%08x.%d", m.epoch, m.time)
	if m.silent > 0 {
		s += "." + strconv.FormatInt(m.silent, 10)
	}
	return s
}

// parseMark returns the zero mark for what is none: another program may have
// committed, such as an operator's tool.
func parseMark(s string) mark {
	epoch, rest, ok := strings.Cut(s, ".")
	at, silent, more := strings.Cut(rest, ".")
	e, err1 := strconv.ParseUint(epoch, 16, 32)
	t, err2 := strconv.ParseInt(at, 10, 64)
	if !ok || err1 != nil || err2 != nil {
		return mark{}
	}
	m := mark{epoch: uint32(e), time: t}
	if more {
		var err error
		if m.silent, err = strconv.ParseInt(silent, 10, 64); err != nil || m.silent <= 0 {
			return mark{}
		}
	}
	return m
}

// position is where a group stands in one partition when a session begins.
type position struct {
	committed int64 // the next record to process; -1: nothing was committed
	mark      mark  // of the commit
	epoch     uint32
	oldest    int64 // of the log
	end       int64
	// last is the timestamp of the record before committed, in milliseconds;
	// -1: it is gone, or was not asked for.
	last int64
}

// verdict is what a session does with a partition.
type verdict int

const (
	proceed verdict = iota
	rewind          // the log is a new one: from its oldest record
	refuse          // the log is not the one that was processed
)

// judge decides. The text says why, and is empty for an ordinary start.
func (p *position) judge() (verdict, string) {
	switch {
	case p.committed < 0:
		return proceed, ""
	case p.mark.epoch != 0 && p.mark.epoch != p.epoch:
		return rewind, "the topic was deleted and created again"
	case p.committed > p.end:
		return refuse, fmt.Sprintf("it ends at offset %d, but records up to %d were processed", p.end, p.committed-1)
	// A log that was cut short may have grown past the offset since.
	case p.mark.epoch != 0 && p.mark.time != noTime && p.last >= 0 && p.last != p.mark.time:
		return refuse, fmt.Sprintf("its record %d is not the one that was processed", p.committed-1)
	case p.committed < p.oldest:
		return proceed, fmt.Sprintf("%d records were deleted before they were processed", p.oldest-p.committed)
	}
	return proceed, ""
}

type claimKey struct {
	topic     string
	partition int32
}
