package stream

import "github.com/belfry/belfry/inbox"

// The names of stream events, besides bye.
const (
	eventItem   = "item"
	eventState  = "state"
	eventUnread = "unread"
	eventPing   = "ping"
	eventResync = "resync"
)

// stateBody is what changed in items that the client has, by seq. All lists are
// always there.
type stateBody struct {
	Version  uint64   `json:"version"`
	Read     []uint64 `json:"read"`
	Unread   []uint64 `json:"unread"`
	Seen     []uint64 `json:"seen"`
	Archived []uint64 `json:"archived"`
	Removed  []uint64 `json:"removed"`
}

func newStateBody(version uint64, c *inbox.Changes) stateBody {
	list := func(seqs []uint64) []uint64 {
		if seqs == nil {
			return []uint64{}
		}
		return seqs
	}
	return stateBody{
		Version: version, Read: list(c.Read), Unread: list(c.Unread), Seen: list(c.Seen),
		Archived: list(c.Archived), Removed: list(c.Removed),
	}
}

// versionBody is the data of ping and resync.
type versionBody struct {
	Version uint64 `json:"version"`
}
