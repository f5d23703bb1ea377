package codec

import (
	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

// The bits of item_meta in belfry.proto.
const (
	metaRead = 1 << iota
	metaSeen
	metaArchived
	_ // two bits of priority
	_
	metaChanged
	metaCollapse
	metaExpiresAt
	metaReplaces
	metaUnarchived
	metaCount

	metaPriorityShift = 3
	metaPriorityMask  = 3
	metaCategoryShift = 11
)

// setFlags gives e what item_meta alone says of it. An Entry is large: it is not copied.
func setFlags(e *inbox.Entry, meta uint64) {
	e.Priority = belfry.Priority(meta>>metaPriorityShift&metaPriorityMask) + belfry.PriorityLow
	e.Read, e.Seen, e.Archived = meta&metaRead != 0, meta&metaSeen != 0, meta&metaArchived != 0
}
