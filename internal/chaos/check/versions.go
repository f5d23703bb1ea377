package check

import (
	"fmt"
	"time"

	"github.com/belfry/belfry/inbox"
)

// sighting is one version that a client saw.
type sighting struct {
	at      time.Time
	client  string
	what    string
	version uint64
	stream  bool // of a stream, or else of an answer
	open    bool // a connection begins that asked for version
	late    bool
}

// checkVersions holds that what one client sees never goes back. An answer is
// not older than anything before it. A frame's id is not older than the ids
// before it, nor than the cursor that its connection asked for; it may be older
// than a list, whose cursor stays before a pending item, and than the answer of
// another server that came meanwhile.
func checkVersions(p *person, r *report) {
	clients, groups := groupBy(inOrder(p.sightings(), func(s sighting) time.Time { return s.at }),
		func(s sighting) string { return s.client })
	for _, client := range clients {
		var seen, floor sighting // the highest of all, and of the stream
		for i, s := range groups[client] {
			if s.open {
				floor = s
				continue
			}
			if s.late {
				continue // nor need the client remember it
			}
			least := seen
			if s.stream {
				least = floor
			}
			if i > 0 {
				r.checked.Sightings++
				if s.version < least.version {
					r.find(Back, p.name, "client %s saw version %d (%s at %s) after %d (%s at %s)", client,
						s.version, s.what, clock(s.at), least.version, least.what, clock(least.at))
				}
			}
			if s.stream {
				floor = s
			}
			if s.version > seen.version {
				seen = s
			}
		}
	}
}

func (p *person) sightings() []sighting {
	var all []sighting
	for _, a := range p.polled {
		all = append(all, sighting{at: a.At, client: a.Client, what: "poll of " + a.Server, version: a.Cursor.Version, late: a.Late})
	}
	for _, l := range p.listed {
		all = append(all, sighting{at: l.At, client: l.Client, what: "page of " + l.Server, version: l.Version})
	}
	for _, f := range p.frames {
		// No id, or a bad one, is for the stream's check.
		c, err := inbox.ParseCursor(f.ID)
		s := sighting{
			at: f.At, client: f.Client, version: c.Version, stream: true, open: f.Event == "open",
			what: fmt.Sprintf("%s of connection %d to %s", f.Event, f.Connection, f.Server),
		}
		if s.open || err == nil {
			all = append(all, s)
		}
	}
	return all
}
