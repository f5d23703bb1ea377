package inspect

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/reach"
)

// Reach is what the tables hold of how a user is told of what he has not looked at.
type Reach struct {
	Preferences json.RawMessage `json:"preferences,omitempty"`
	Endpoints   []Endpoint      `json:"endpoints"`
	Gone        []Gone          `json:"gone,omitempty"`
	Channels    []Channel       `json:"channels"`
}

// Endpoint is where a user can be reached; of its address the host alone is shown, since
// the rest is as good as a password.
type Endpoint struct {
	Seq     uint64    `json:"seq"`
	Kind    string    `json:"kind"`
	Host    string    `json:"host,omitempty"`
	Label   string    `json:"label,omitempty"` // with --contents
	AddedAt time.Time `json:"added_at,omitzero"`
	Content bool      `json:"content"` // whether the inbox table has it
	// Bounces is on how many days a message came back, the last time at BouncedAt and
	// because of Bounce.
	Bounces   uint32    `json:"bounces,omitempty"`
	BouncedAt time.Time `json:"bounced_at,omitzero"`
	Bounce    string    `json:"bounce,omitempty"`
}

// Gone is an endpoint that is no more, and not by its user's word.
type Gone struct {
	Seq     uint64 `json:"seq"`
	Version uint64 `json:"version"` // of the record that says so
	Reason  string `json:"reason"`
}

// Channel is what was sent on a channel.
type Channel struct {
	Name      string    `json:"name"`
	Decisions int       `json:"decisions"` // that the row remembers
	Last      time.Time `json:"last,omitzero"`
	Attempt   uint32    `json:"attempt"` // how often in a row sending has failed
	NotBefore time.Time `json:"not_before,omitzero"`
}

// Tell is what there is to say of an item on a channel.
type Tell struct {
	Channel  string    `json:"channel"`
	Decision uint64    `json:"decision,omitempty"`
	ToldAt   time.Time `json:"told_at,omitzero"`
	DueAt    time.Time `json:"due_at,omitzero"`
	Why      string    `json:"why"`
}

// newReach returns nil for a row of a user who has neither preferences nor endpoints.
func newReach(row *inbox.State, endpoints map[uint64]inbox.Address) *Reach {
	if row.Reach == nil {
		return nil
	}
	r := &Reach{Preferences: row.Reach.Prefs, Endpoints: []Endpoint{}, Channels: []Channel{}}
	for _, e := range row.Reach.Endpoints {
		a, ok := endpoints[e.Seq]
		out := Endpoint{Seq: e.Seq, Kind: e.Kind.String(), Host: hostOf(&a), Label: a.Label, AddedAt: a.AddedAt, Content: ok, Bounces: e.Bounces, Bounce: e.Bounce}
		if e.Bounces > 0 {
			out.BouncedAt = time.UnixMilli(e.BouncedAt).UTC()
		}
		r.Endpoints = append(r.Endpoints, out)
	}
	for _, g := range row.Reach.Gone {
		if g.Reason != "" {
			r.Gone = append(r.Gone, Gone(g))
		}
	}
	for _, c := range row.Reach.Channels {
		out := Channel{Name: c.Name, Decisions: len(c.Decisions), Attempt: c.Attempt}
		if n := len(c.Decisions); n > 0 {
			out.Last = time.UnixMilli(c.Decisions[n-1].At).UTC()
		}
		if c.NotBefore != 0 {
			out.NotBefore = time.UnixMilli(c.NotBefore).UTC()
		}
		r.Channels = append(r.Channels, out)
	}
	slices.SortFunc(r.Channels, func(a, b Channel) int { return cmp.Compare(a.Name, b.Name) })
	return r
}

// hostOf is the host of an address, which is all of it that anybody is shown: that of a
// URL, or what stands behind the @ of a mail address.
func hostOf(a *inbox.Address) string {
	if a.Kind == inbox.EndpointMail {
		return a.Target[strings.LastIndexByte(a.Target, '@')+1:]
	}
	if u, err := url.Parse(a.Target); err == nil {
		return u.Hostname()
	}
	return ""
}

// tells are those of each item. Without a policy, what was told is all that is known.
func tells(user string, row *inbox.State, policy *reach.Policy, now time.Time) map[uint64][]Tell {
	out := map[uint64][]Tell{}
	if policy != nil {
		for _, r := range reach.Why(user, row, policy, now) {
			out[r.Seq] = append(out[r.Seq], Tell{r.Channel, r.Decision, r.ToldAt, r.At.UTC(), r.Text})
		}
		return out
	}
	if row.Reach == nil {
		return out
	}
	for _, item := range row.Reach.Items {
		for _, t := range item.Told {
			tell := Tell{Channel: t.Channel, Decision: t.Decision, Why: "told"}
			for _, d := range row.Reach.Channel(t.Channel).Decisions {
				if d.Version == t.Decision {
					tell.ToldAt = time.UnixMilli(d.At).UTC()
				}
			}
			out[item.Seq] = append(out[item.Seq], tell)
		}
	}
	return out
}

func (r *Reach) print(t io.Writer) {
	if r == nil {
		return
	}
	if len(r.Preferences) > 0 {
		fmt.Fprintf(t, "preferences\t%s\n", cli.Printable(string(r.Preferences)))
	}
	for _, e := range r.Endpoints {
		content := ""
		if !e.Content {
			content = "\tcontent missing"
		}
		fmt.Fprintf(t, "endpoint\t%d\t%s\t%s\tsince %s%s\n", e.Seq, e.Kind, cli.OrDash(cli.Printable(strings.TrimSpace(e.Host+" "+e.Label))), e.AddedAt.Format(time.RFC3339), content)
	}
	for _, e := range r.Endpoints {
		if e.Bounces > 0 {
			fmt.Fprintf(t, "bounced\t%d\ton %d of %d days, the last %s: %s\n", e.Seq, e.Bounces, inbox.MaxBounceDays, e.BouncedAt.Format(time.RFC3339), cli.Printable(e.Bounce))
		}
	}
	for _, g := range r.Gone {
		fmt.Fprintf(t, "gone\t%d\tat version %d: %s\n", g.Seq, g.Version, cli.Printable(g.Reason))
	}
	for _, c := range r.Channels {
		line := "nothing sent that counts"
		if c.Decisions > 0 {
			line = fmt.Sprintf("%d decisions remembered, the last %s", c.Decisions, c.Last.Format(time.RFC3339))
		}
		if c.Attempt > 0 {
			line += fmt.Sprintf(", failed %d times since, again from %s", c.Attempt, c.NotBefore.Format(time.RFC3339))
		}
		fmt.Fprintf(t, "channel\t%s\t%s\n", cli.Printable(c.Name), line)
	}
	fmt.Fprintln(t)
}

// printTells says by item what was told when, what is due when, and what holds it.
func (r *Report) printTells(t io.Writer) {
	if r.Reach == nil {
		return
	}
	fmt.Fprintln(t, "\nSEQ\tCHANNEL\tTOLD")
	for _, i := range slices.Backward(r.Items) {
		for _, tell := range i.Tells {
			why := tell.Why
			if tell.Decision != 0 {
				why += fmt.Sprintf(" (decision %d)", tell.Decision)
			}
			fmt.Fprintf(t, "%d\t%s\t%s\n", i.Seq, cli.Printable(tell.Channel), why)
		}
	}
	if !r.policy {
		fmt.Fprintln(t, "\nwhat is still due, and what holds it, depends on the channels: name the file with --channels")
	}
}
