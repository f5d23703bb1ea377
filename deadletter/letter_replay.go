package deadletter

import (
	"github.com/belfry/belfry/inbox"
)

// ReplayOptions say how letters are replayed.
type ReplayOptions struct {
	Apply bool // write; otherwise only report what would be written
	Again bool // also what was replayed before
}

// ReplayResult is how the replay of one letter ended.
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

// ReplayOutcome is how the replay of one letter ended, or would end.
type ReplayOutcome struct {
	Letter  *Letter
	Result  ReplayResult
	Problem string // of ReplayRefused and ReplayFailed; of ReplayDone, who is left out
	Writes  []ReplayWrite
}

// ReplayWrite is one record that a replay writes for each of some recipients.
type ReplayWrite struct {
	Recipients []string
	Record     inbox.Record // of the journal; zero for an item
	Item       *inbox.Item  // of the items topic; nil for a record, and for a tombstone
	Seq        uint64       // of the item or tombstone
}
