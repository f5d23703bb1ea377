package outreach

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/gorilla/mux"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
)

// decision is what is left of a decision for whoever sends it: items, newest first, with
// texts in the user's language.
type decision struct {
	User      string      `json:"user"`
	Version   uint64      `json:"version"`
	Channel   string      `json:"channel"`
	Decision  uint64      `json:"decision"`
	Kind      string      `json:"kind"`
	Language  string      `json:"language,omitempty"`
	Badge     wire.Badge  `json:"badge"`
	Items     []wire.Item `json:"items"`
	Endpoints []target    `json:"endpoints"`
}

// target is where to send to: an address, or a push subscription.
type target struct {
	Endpoint     uint64        `json:"endpoint"`
	Address      string        `json:"address,omitempty"`
	Subscription *browserPlace `json:"subscription,omitempty"`
}

// browserPlace is a push subscription as its browser gave it.
type browserPlace struct {
	Endpoint string      `json:"endpoint"`
	Keys     browserKeys `json:"keys"`
}

type browserKeys struct {
	P256dh string `json:"p256dh"`
	Auth   string `json:"auth"`
}

// GetDecision answers GET /v1/users/{user}/decisions/{channel}/{version}: for consumers of
// the outbound topic, by the rule of a sender. The row is at least at the decision; what was
// seen or read since is left out. One that is late is returned, so that nothing of it is
// lost: the owner of the row decides anew.
func (c *Calls) GetDecision(w http.ResponseWriter, r *http.Request, call auth.Call) error {
	channel, err := url.PathUnescape(mux.Vars(r)["channel"])
	if err != nil {
		return belfry.Invalid("channel", "must be percent-encoded UTF-8")
	}
	number, ok := wire.ParseWhole(mux.Vars(r)["version"])
	if !ok || number == 0 {
		return belfry.Invalid("version", "must be the decision's number, as the outbound record has it, not %.40q", mux.Vars(r)["version"])
	}
	var out decision
	var told inbox.Outbound
	verdict := reach.Wait
	err = c.config.Await(r.Context(), call.User, func() (bool, error) {
		row, err := c.config.Row(call.User)
		if err != nil {
			return false, err
		}
		now := time.Now()
		told = reach.Decided(&row, channel, number, c.config.Policy(), now)
		look := reach.Look(&row, &told, now)
		if verdict = look.Verdict; verdict != reach.Send {
			return verdict != reach.Wait, nil
		}
		var late bool
		out, late, err = c.left(call.User, &row, &told, &look, now)
		return !late, err
	})
	switch {
	case !errors.Is(err, c.config.Behind):
	case verdict == reach.Wait:
		return ErrNotYet
	case len(out.Endpoints) > 0:
		err = nil // contents are late: what there is may be sent
	}
	switch {
	case err != nil:
		return err
	case verdict == reach.Late || verdict == reach.NoEndpoint:
		untell := reach.Return(&told, time.Now())
		if _, _, err := c.config.Command(r.Context(), call.User, inbox.Record{Kind: inbox.KindUntell, Untell: &untell}); err != nil {
			return err
		}
		if verdict == reach.Late {
			return ErrReturned
		}
		return ErrNothing
	case len(out.Items) == 0 || len(out.Endpoints) == 0:
		return ErrNothing
	}
	wire.Respond(w, http.StatusOK, out)
	return nil
}

// left returns what a row says of a decision, and whether contents are still missing.
func (c *Calls) left(user string, row *inbox.State, told *inbox.Outbound, look *reach.Looked, now time.Time) (out decision, late bool, err error) {
	language := reach.ReadPrefs(row).Language
	out = decision{
		User: user, Version: row.Version, Channel: told.Channel, Decision: told.Decision, Kind: told.Kind.String(),
		Language: language, Badge: wire.NewBadge(user, row.Badge(now)),
	}
	texts := wire.NewTranslator(wire.ParseLanguages(language))
	contents := func(seq uint64) *inbox.Item {
		item, ok, failed := c.config.Item(user, seq)
		if err = cmp.Or(err, failed); !ok {
			return nil
		}
		return &item
	}
	for _, e := range look.Entries {
		item := wire.NewItem(e, contents, texts, now)
		if err != nil {
			return out, false, fmt.Errorf("read item: %w", err)
		}
		late = late || item.Pending
		out.Items = append(out.Items, item)
	}
	for _, e := range look.Endpoints {
		known, ok, err := c.config.Endpoint(user, e.Seq)
		switch {
		case err != nil:
			return out, false, fmt.Errorf("read endpoint: %w", err)
		case !ok:
			late = true
		case known.ExpiresAt.IsZero() || known.ExpiresAt.After(now):
			out.Endpoints = append(out.Endpoints, newTarget(&known))
		}
	}
	return out, late, nil
}

func newTarget(a *inbox.Address) target {
	if a.Kind != inbox.EndpointWebPush {
		return target{Endpoint: a.Seq, Address: a.Target}
	}
	encode := base64.RawURLEncoding.EncodeToString
	return target{Endpoint: a.Seq, Subscription: &browserPlace{a.Target, browserKeys{encode(a.P256dh), encode(a.Auth)}}}
}
