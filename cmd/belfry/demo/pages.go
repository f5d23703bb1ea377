package demo

import (
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
	out  atomic.Pointer[emitters.Notifications] // nil until events would go all the way
	made atomic.Int64
}

// eventsPath is where a visitor's events go.
const eventsPath = "/demo/events"

func newPages() *pages {
	own, _ := fs.Sub(page, "page") // the path is well-formed
	p := &pages{}
	m := http.NewServeMux()
	m.Handle("/", web.Handler(own))
	m.HandleFunc("POST "+eventsPath, func(w http.ResponseWriter, r *http.Request) {
		if err := p.make(w, r); err != nil {
			problem(w, err)
		}
	})
	p.Handler = m
	return p
}

var errNotReady = errors.New("the demo is not ready yet")

// maxEvent is the size of a call that makes events, in bytes.
const maxEvent = 4 << 10

// make has the demo's services write one event of a kind for each recipient to the
// topic, and answers once the broker has them.
func (p *pages) make(w http.ResponseWriter, r *http.Request) error {
	if !auth.LoopbackOrigin("http://" + r.Host) { // as the API without authentication
		return auth.ErrMisdirected
	}
	if err := wire.CheckMediaType(r); err != nil {
		return err
	}
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
