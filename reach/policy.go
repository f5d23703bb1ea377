package reach

import (
	"encoding/json"
	"hash/fnv"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

// MaxChannels is how many channels a policy may have.
const MaxChannels = 4

// Policy is what the operator wants told where. Make sure of it by [Policy.Check]; it is
// not to be changed once it is in use.
type Policy struct {
	// Zone is the IANA name of the zone of users who have set none; "" is UTC.
	Zone     string    `json:"zone,omitempty"`
	Channels []Channel `json:"channels"`

	zones zones
}

// Channel is one way to reach users.
type Channel struct {
	Name string             `json:"name"`
	Kind inbox.EndpointKind `json:"kind"`
	// Tell are its rules: the first that matches an item says when it is told. An item
	// that none matches is not told on the channel.
	Tell []Rule `json:"tell"`
	// DailyCap is how many messages a user gets within any 24 hours at most, digests and
	// what was returned apart; 0 for no cap, at most [inbox.MaxDecisions].
	DailyCap int `json:"daily_cap,omitempty"`
}

// Rule says when items are told: After they came, if they are then still unseen (unread
// for a channel of kind mail), or by a Digest.
type Rule struct {
	Categories []string          `json:"categories,omitempty"` // any for none
	Priorities []belfry.Priority `json:"priorities,omitempty"` // any for none
	After      time.Duration     `json:"after,omitempty"`      // at least 0
	Digest     *Digest           `json:"digest,omitempty"`     // then After is 0
}

// Digest is one message of all that is still unseen (unread), at a local time.
type Digest struct {
	At   Clock    `json:"at"`
	Days Weekdays `json:"days"` // none is all
}

// Hash is that of all that p says and of the program's zone data: what was computed with
// another one is to be computed again. The hash of nil is 0.
func (p *Policy) Hash() uint64 {
	if p == nil {
		return 0
	}
	text, err := json.Marshal(p)
	if err != nil {
		panic(err) // it has no value that JSON does not know
	}
	h := fnv.New64a()
	h.Write(text)
	h.Write(zoneData())
	return max(h.Sum64(), 1)
}

// Channel returns the channel of that name.
func (p *Policy) Channel(name string) (*Channel, bool) {
	if p == nil {
		return nil, false
	}
	for i := range p.Channels {
		if p.Channels[i].Name == name {
			return &p.Channels[i], true
		}
	}
	return nil, false
}
