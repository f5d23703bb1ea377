package reach

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

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
	once  sync.Once
	hash  uint64
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
	p.once.Do(func() { // zone data are milliseconds of work, and stores ask with every write
		text, err := json.Marshal(p)
		if err != nil {
			panic(err) // it has no value that JSON does not know
		}
		h := fnv.New64a()
		h.Write(text)
		h.Write(zoneData())
		p.hash = max(h.Sum64(), 1)
	})
	return p.hash
}

// Tells reports whether a channel is of that kind. Of nil none is.
func (p *Policy) Tells(kind inbox.EndpointKind) bool {
	return p != nil && slices.ContainsFunc(p.Channels, func(c Channel) bool { return c.Kind == kind })
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

// rule returns the first rule of c that matches an item, nil for none.
func (c *Channel) rule(e *inbox.Entry) *Rule {
	for i := range c.Tell {
		r := &c.Tell[i]
		if (len(r.Categories) == 0 || slices.Contains(r.Categories, e.Category)) &&
			(len(r.Priorities) == 0 || slices.Contains(r.Priorities, e.Priority)) {
			return r
		}
	}
	return nil
}

// knows reports whether items of a category may be told on c.
func (c *Channel) knows(category string) bool {
	return category != "" && len(category) <= maxCategoryBytes && slices.ContainsFunc(c.Tell, func(r Rule) bool {
		return len(r.Categories) == 0 || slices.Contains(r.Categories, category)
	})
}

// ZoneOf returns the zone of a user: the own one, else that of p, else UTC. A nil p has none.
func (p *Policy) ZoneOf(prefs *Prefs) *time.Location {
	if p == nil {
		p = &Policy{}
	}
	for _, name := range [...]string{prefs.Zone, p.Zone} {
		if zone, ok := p.zones.get(name); ok {
			return zone
		}
	}
	return time.UTC
}

// goodUntil returns the time until which a decision is to be sent, in milliseconds since
// 1970: an hour after it was made, and not past the start of quiet hours if they hold
// something of it. A nil policy has no zone.
func (p *Policy) goodUntil(prefs *Prefs, made time.Time, held bool) int64 {
	until := made.Add(goodFor)
	if start, ok := prefs.QuietStart(made, p.ZoneOf(prefs)); ok && held && start.Before(until) {
		until = start
	}
	return until.UnixMilli()
}

// Passes reports whether quiet hours do not hold an item.
func (p *Prefs) Passes(e *inbox.Entry) bool {
	return p.UrgentPasses && e.Priority == belfry.PriorityUrgent
}

func (p *Policy) names() []string {
	names := []string{}
	if p != nil {
		for i := range p.Channels {
			names = append(names, p.Channels[i].Name)
		}
	}
	return names
}

// The limits of a policy.
const (
	maxNameBytes     = 64
	maxCategoryBytes = 64
	maxAfter         = 30 * 24 * time.Hour
)

// Check returns a *belfry.FieldError unless p is a policy that can be followed. Its field
// is a path such as "channels.mail.tell[1].digest.at".
func (p *Policy) Check() error {
	if p.Zone != "" {
		if err := CheckZone(p.Zone); err != nil {
			return err
		}
	}
	if len(p.Channels) == 0 || len(p.Channels) > MaxChannels {
		return belfry.Invalid("channels", "must be 1 to %d channels, not %d", MaxChannels, len(p.Channels))
	}
	for i := range p.Channels {
		c := &p.Channels[i]
		if first, _ := p.Channel(c.Name); first != c {
			return belfry.Invalid("channels."+c.Name, "is there twice")
		}
		if err := c.check("channels." + c.Name); err != nil {
			return err
		}
	}
	return nil
}

func (c *Channel) check(path string) error {
	switch {
	case c.Name == "" || len(c.Name) > maxNameBytes || strings.Trim(c.Name, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "":
		return belfry.Invalid(path, "must have a name of 1 to %d small letters, digits, '-' or '_', not %.80q", maxNameBytes, c.Name)
	case !c.Kind.Valid():
		return belfry.Invalid(path+".kind", "must be webpush, mail or text")
	case c.DailyCap < 0 || c.DailyCap > inbox.MaxDecisions:
		return belfry.Invalid(path+".daily_cap", "must be 1 to %d, or absent for no cap, not %d", inbox.MaxDecisions, c.DailyCap)
	case len(c.Tell) == 0:
		return belfry.Invalid(path+".tell", "must have a rule: without one nothing is told on the channel")
	}
	for i := range c.Tell {
		if err := c.Tell[i].check(fmt.Sprintf("%s.tell[%d]", path, i)); err != nil {
			return err
		}
	}
	return nil
}

func (r *Rule) check(path string) error {
	for i, category := range r.Categories {
		if category == "" || len(category) > maxCategoryBytes || !utf8.ValidString(category) {
			return belfry.Invalid(fmt.Sprintf("%s.category[%d]", path, i), "must be 1 to %d bytes of UTF-8, not %.80q", maxCategoryBytes, category)
		}
	}
	switch {
	case r.After < 0 || r.After > maxAfter:
		return belfry.Invalid(path, "must wait 0 seconds to %d hours, not %v", int(maxAfter.Hours()), r.After)
	case r.Digest == nil:
	case r.After != 0:
		return belfry.Invalid(path+".digest", "must stand alone: its items wait for its hour and for nothing else")
	case r.Digest.At < 0 || r.Digest.At >= midnight:
		return belfry.Invalid(path+".digest.at", `must be a time of day, "00:00" to "23:59"`)
	}
	return nil
}
