package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/chaos/history"
)

// reader is a client that polls or lists one user. It goes to any server, and
// tells what it knows, so that what it sees never goes back.
type reader struct {
	name, user string
	history    *history.History
	api        *api
	dice       *rand.Rand
	version    uint64 // the highest that it has seen
	etag       string
}

func (r *reader) server() int { return r.dice.IntN(len(r.api.servers)) }

// poll asks for the badge until ctx ends.
func (r *reader) poll(ctx context.Context) {
	every(ctx, func() time.Duration { return 200*time.Millisecond + rand.N(600*time.Millisecond) }, func() {
		server := r.server()
		got := r.api.do(ctx, call{server: server, method: http.MethodGet, path: userPath(r.user, "unread"), token: r.api.admin, etag: r.etag})
		if got.status == http.StatusOK {
			r.badge(server, got)
		}
	})
}

// badge takes an unread object.
func (r *reader) badge(server int, got answer) uint64 {
	var body badgeBody
	if !r.api.decode(got, &body) {
		return 0
	}
	r.history.Record(history.Polled{
		At: time.Now(), Client: r.name, Server: r.api.servers[server].name, User: r.user, Cursor: body.Cursor.Cursor, Counts: body.Counts,
	})
	r.version, r.etag = max(r.version, body.Version), got.etag
	return body.Version
}

// list reads all pages, of the archive now and then, until ctx ends.
func (r *reader) list(ctx context.Context) {
	every(ctx, func() time.Duration { return 500*time.Millisecond + rand.N(time.Second) }, func() {
		r.pages(ctx, r.dice.IntN(4) == 0)
	})
}

// pages lists all and returns the first page. Each page may come from another
// server.
func (r *reader) pages(ctx context.Context, archived bool) (first history.Listed, ok bool) {
	for before := uint64(0); ; {
		l, ok := r.api.page(ctx, r.name, r.user, r.server(), archived, before, r.version)
		if !ok {
			return first, before != 0
		}
		r.history.Record(l)
		r.version = max(r.version, l.Version)
		if before == 0 {
			first = l
		}
		if before = l.Next; before == 0 {
			return first, true
		}
	}
}

// act plays users who look at their inbox and do something with what they see,
// until stop ends. One user after the other: each is a client of its own.
func act(ctx, stop context.Context, name string, users []string, history *history.History, a *api, dice *rand.Rand) {
	known := map[string]*reader{}
	every(stop, func() time.Duration { return 50*time.Millisecond + rand.N(300*time.Millisecond) }, func() {
		user := users[min(dice.IntN(len(users)), dice.IntN(len(users)))]
		r := known[user]
		if r == nil {
			r = &reader{name: fmt.Sprintf("%s of %s", name, user), user: user, history: history, api: a, dice: dice}
			known[user] = r
		}
		switch dice.IntN(10) {
		case 0, 1:
			r.reached(ctx)
			return
		case 2:
			r.subscribes(ctx)
			return
		}
		archived := dice.IntN(8) == 0
		if seen, ok := r.pages(ctx, archived); ok && len(seen.Items) > 0 {
			r.command(ctx, choose(dice, seen, archived))
		}
	})
}

// reached has a user say how to be reached: a language, or one of a few addresses.
func (r *reader) reached(ctx context.Context) {
	c := call{
		server: r.server(), method: http.MethodPatch, path: userPath(r.user, "preferences"), token: r.api.admin,
		body: map[string]string{"language": pick(r.dice, "en", "ko", "de")},
	}
	if r.dice.IntN(2) == 0 {
		c.method, c.path, c.token, c.body = http.MethodPut, userPath(r.user, "addresses/text"), r.api.service, map[string]string{"address": pick(r.dice, "room-1", "room-2")}
	}
	r.api.do(ctx, c)
}

// choose makes up what a user does who sees that page, which is not empty.
func choose(dice *rand.Rand, seen history.Listed, archived bool) inbox.Record {
	items := seen.Items
	kinds := []inbox.Kind{inbox.KindSeen, inbox.KindSeen, inbox.KindRead, inbox.KindRead, inbox.KindUnread, inbox.KindArchive, inbox.KindDelete}
	if archived {
		kinds = []inbox.Kind{inbox.KindUnarchive, inbox.KindDelete, inbox.KindRead, inbox.KindUnread}
	}
	record := inbox.Record{Kind: kinds[dice.IntN(len(kinds))]}
	if record.Kind.TakesHorizon() && !archived && dice.IntN(3) == 0 {
		// Mostly of a category: or inboxes would never fill up. Deletion needs one.
		record.UpTo = seen.Version
		if c := items[dice.IntN(len(items))].Category; record.Kind == inbox.KindDelete || dice.IntN(4) > 0 {
			record.Category = c
		}
		if record.Kind != inbox.KindDelete || record.Category != "" {
			return record
		}
	}
	for range 1 + dice.IntN(3) {
		record.Seqs = append(record.Seqs, items[dice.IntN(len(items))].Seq)
	}
	return record
}

// actionBody is the body of an action.
type actionBody struct {
	Seqs     []uint64 `json:"seqs,omitempty"`
	UpTo     *uint64  `json:"up_to,omitempty"`
	Category string   `json:"category,omitempty"`
}

// command sends one command, once: what was not answered may or may not have
// been done.
func (r *reader) command(ctx context.Context, record inbox.Record) {
	body := actionBody{Seqs: record.Seqs, Category: record.Category}
	if len(record.Seqs) == 0 {
		body.UpTo = &record.UpTo
	}
	server := r.server()
	acted := history.Acted{At: time.Now(), Recipient: r.user, Record: record}
	got := r.api.do(ctx, call{
		server: server, method: http.MethodPost, path: userPath(r.user, "inbox/"+record.Kind.String()), token: r.api.admin, body: &body,
	})
	switch got.status {
	case http.StatusOK:
		acted.Acknowledged, acted.Version = true, r.badge(server, got)
	case http.StatusAccepted: // its version may be lower than what was seen
		acted.Acknowledged = true
	}
	r.history.Record(acted)
}
