package outreach

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
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
	quiet     *Quiet      // hours that hold all items
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

// Quiet is the error for a decision whose user has quiet hours.
type Quiet struct {
	Until time.Time
	now   time.Time
}

func (q *Quiet) Error() string {
	return "quiet until " + q.Until.Format(time.RFC3339) + ": ask again then, and go on with other users meanwhile"
}

// maxQuietWait is after how long a consumer asks again at the latest: its user may have
// other hours by then.
const maxQuietWait = time.Hour

// After is when to ask again.
func (q *Quiet) After() time.Duration { return min(q.Until.Sub(q.now), maxQuietWait) }

// GetDecision answers GET /v1/users/{user}/decisions/{channel}/{version}: for consumers of
// the outbound topic. The row is at least at the decision; what was seen or read since,
// or switched off, is left out. In quiet hours nothing is given, unless an item passes
// them: there is a message then, and those with it would be lost otherwise.
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
	come := false
	err = c.config.Await(r.Context(), call.User, func() (bool, error) {
		row, err := c.config.Row(call.User)
		if err != nil || row.Version < number {
			return false, err
		}
		come = true
		var late bool
		out, late, err = c.left(call.User, &row, channel, number, time.Now())
		return !late, err
	})
	if errors.Is(err, c.config.Behind) && len(out.Endpoints) > 0 {
		err = nil // contents are late: what there is may be sent
	}
	if errors.Is(err, c.config.Behind) && !come {
		return ErrNotYet
	}
	if err != nil {
		return err
	}
	if len(out.Items) == 0 || len(out.Endpoints) == 0 {
		return ErrNothing
	}
	if out.quiet != nil {
		return out.quiet
	}
	wire.Respond(w, http.StatusOK, out)
	return nil
}

// left returns what a row says of a decision, and whether contents are still missing.
func (c *Calls) left(user string, row *inbox.State, channel string, number uint64, now time.Time) (out decision, late bool, err error) {
	if row.Reach == nil {
		return out, false, nil
	}
	kind := row.Reach.Channel(channel).Kind
	prefs := reach.ReadPrefs(row)
	out = decision{
		User: user, Version: row.Version, Channel: channel, Decision: number, Kind: kind.String(),
		Language: prefs.Language, Badge: wire.NewBadge(user, row.Badge(now)),
	}
	texts := wire.NewTranslator(wire.ParseLanguages(prefs.Language))
	held := true
	for _, e := range slices.Backward(reach.Left(row, channel, kind, number, now)) {
		if !prefs.On(channel, e.Category) { // said after the decision
			continue
		}
		held = held && !prefs.Passes(e)
		item, ok, err := c.config.Item(user, e.Seq)
		if err != nil {
			return out, false, fmt.Errorf("read item: %w", err)
		}
		content := &item
		if !ok {
			content, late = nil, true
		}
		out.Items = append(out.Items, wire.NewItem(e, content, texts, now))
	}
	if end, ok := c.config.Policy().QuietEnd(&prefs, now); held && !ok {
		out.Items = nil // of who is always quiet
	} else if held && end.After(now) {
		out.quiet = &Quiet{end, now}
	}
	for _, e := range row.Endpoints(kind) {
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
