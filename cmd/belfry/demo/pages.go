package demo

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/emitters"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
	"github.com/belfry/belfry/web"
)

//go:embed page
var page embed.FS

// pages are what the demo shows: its own first page, the pages of every server, and a
// service whose events its visitors cause.
type pages struct {
	http.Handler
	out     atomic.Pointer[emitters.Notifications] // nil until events would go all the way
	made    atomic.Int64
	network atomic.Pointer[network] // likewise
	devices []*device
	mails   mailbox
}

// A visitor's events go to these paths.
const (
	eventsPath   = "/demo/events"
	commentsPath = "/demo/comments"
)

// newPages returns the pages of a demo whose URL is base.
func newPages(base string) *pages {
	own, _ := fs.Sub(page, "page") // the path is well-formed
	p := &pages{devices: newDevices(base)}
	m := http.NewServeMux()
	m.Handle("/", web.Handler(own))
	for path, make := range map[string]func(http.ResponseWriter, *http.Request) error{eventsPath: p.make, commentsPath: p.comment} {
		m.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
			err := admit(r)
			if err == nil {
				err = make(w, r)
			}
			if err != nil {
				problem(w, err)
			}
		})
	}
	for _, d := range p.devices {
		m.HandleFunc("POST "+devicesPath+d.name, d.take)
		m.HandleFunc("GET "+devicesPath+d.name, d.show)
	}
	m.HandleFunc("GET "+mailsPath, p.mails.list)
	m.HandleFunc("GET "+mailsPath+"/{id}", p.mails.show)
	// The links of what docs/rules/social.yaml makes.
	for _, of := range []string{"/posts/", "/welcome"} {
		m.HandleFunc("GET "+of, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, pageOf(r.URL.Path), http.StatusFound)
		})
	}
	p.Handler = m
	return p
}

var errNotReady = errors.New("the demo is not ready yet")

// maxEvent is the size of a call that makes events, in bytes.
const maxEvent = 4 << 10

// admit lets calls of this machine's pages in, as the API does without authentication.
func admit(r *http.Request) error {
	if !auth.LoopbackOrigin("http://" + r.Host) {
		return auth.ErrMisdirected
	}
	return wire.CheckMediaType(r)
}

// make has the demo's services write one event of a kind for each recipient to the
// topic, and answers once the broker has them.
func (p *pages) make(w http.ResponseWriter, r *http.Request) error {
	var asked struct {
		Kind       string   `json:"kind"`
		Recipients []string `json:"recipients"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxEvent)).Decode(&asked); err != nil {
		return fmt.Errorf("%w: %w", belfry.ErrInvalid, err)
	}
	kind := slices.IndexFunc(samples(), func(s sample) bool { return s.kind == asked.Kind })
	if kind < 0 {
		return belfry.Invalid("kind", "must be one of the demo's, not %.40q", asked.Kind)
	}
	var notes []belfry.Notification
	var ids []string
	for _, id := range asked.Recipients {
		to := slices.IndexFunc(users(), func(u belfry.Actor) bool { return u.ID == id })
		if to < 0 {
			return belfry.Invalid("recipients", "must be users of the demo, not %.40q", id)
		}
		n := samples()[kind].event(to, time.Now())
		n.ID = "page-" + strconv.FormatInt(time.Now().UnixMilli(), 36) + "-" + strconv.FormatInt(p.made.Add(1), 10)
		notes, ids = append(notes, n), append(ids, n.ID)
	}
	out := p.out.Load()
	if out == nil {
		return errNotReady
	}
	if err := out.Emit(r.Context(), notes...); err != nil {
		return err
	}
	wire.Respond(w, http.StatusAccepted, map[string]any{"ids": ids})
	return nil
}

// exchangePatience is how long answers of Belfry's may take.
const exchangePatience = 10 * time.Second

// comment has a user comment on a post of somebody whose devices are told, and answers
// with what was asked over Kafka and the event.
func (p *pages) comment(w http.ResponseWriter, r *http.Request) error {
	var asked struct {
		By string `json:"by"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxEvent)).Decode(&asked); err != nil {
		return fmt.Errorf("%w: %w", belfry.ErrInvalid, err)
	}
	by := slices.IndexFunc(users(), func(u belfry.Actor) bool { return u.ID == asked.By })
	if by < 0 {
		return belfry.Invalid("by", "must be a user of the demo, not %.40q", asked.By)
	}
	n := p.network.Load()
	if n == nil {
		return errNotReady
	}
	ctx, cancel := context.WithTimeout(r.Context(), exchangePatience)
	defer cancel()
	exchanges, err := n.subscribe(ctx)
	if err != nil {
		return err
	}
	event, err := n.comment(ctx, users()[by])
	if err != nil {
		return err
	}
	wire.Respond(w, http.StatusAccepted, map[string]any{"exchanges": exchanges, "event": event})
	return nil
}

func problem(w http.ResponseWriter, err error) {
	status := http.StatusServiceUnavailable
	switch {
	case errors.Is(err, auth.ErrMisdirected):
		status = http.StatusMisdirectedRequest
	case errors.Is(err, belfry.ErrInvalid):
		status = http.StatusBadRequest
	case errors.Is(err, wire.ErrMediaType):
		status = http.StatusUnsupportedMediaType
	}
	wire.Respond(w, status, map[string]any{"title": http.StatusText(status), "status": status, "detail": err.Error()})
}
