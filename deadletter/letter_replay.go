package deadletter

import (
	"github.com/belfry/belfry/inbox"
)

// ReplayOptions say how letters are replayed.
type ReplayOptions struct {
	Apply bool // write; otherwise only tell what would be written
	Again bool // also what was replayed before
}

// ReplayResult is what came of the replay of one letter.
type ReplayResult string

// The results of a replay.
const (
	// ReplayDone: what it leads to is written, or, if nothing was to be
	// applied, would be.
	ReplayDone ReplayResult = "replayed"
	// ReplayNobody: as ReplayDone, but it leads to nothing for anybody.
	ReplayNobody ReplayResult = "nobody"
	// ReplayAgain: it was replayed before and is left alone.
	ReplayAgain ReplayResult = "already-replayed"
	// ReplayRefused: it can never be replayed.
	ReplayRefused ReplayResult = "refused"
	// ReplayFailed: it is as bad as before; what is wrong can be fixed.
	ReplayFailed ReplayResult = "failed"
)

// ReplayOutcome is what came of one letter, or would come of it.
type ReplayOutcome struct {
	Letter  *Letter
	Result  ReplayResult
	Problem string // of ReplayRefused and ReplayFailed
	Writes  []ReplayWrite
}

// ReplayWrite is one record that a replay writes for each of some recipients.
type ReplayWrite struct {
	Recipients []string
	Record     inbox.Record // of the journal; zero for an item
	Item       *inbox.Item  // of the items topic; nil for a record, and for a tombstone
	Seq        uint64       // of the item or tombstone
}
