package demo

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/server/wire"
)

// A person who has looked at his inbox leaves a badge that says something, and a list
// that does not only grow.
const (
	leftUnread = 4
	leftListed = 15
)

// The time between two looks of a person, by how much comes in.
const (
	shortestPause = 500 * time.Millisecond
	longestPause  = 20 * time.Second
)

// person is a user with a client of the public API.
type person struct {
	id   string
	base string // the URL of the server
	log  *slog.Logger
}

// item is what a person sees of an item.
type item struct {
	Seq      uint64 `json:"seq"`
	Read     bool   `json:"read"`
	Priority string `json:"priority"`
}

// live has everybody look into his inbox now and then until ctx ends.
func live(ctx context.Context, everybody []person, rate float64) error {
	// About as often as a handful of events have come for one person.
	pause := min(max(time.Duration(4*float64(len(everybody))/rate*float64(time.Second)), shortestPause), longestPause)
	var g errgroup.Group
	for _, p := range everybody {
		g.Go(func() error {
			for engine.Sleep(ctx, pause/2+rand.N(pause)) {
				// A demo goes on without one look.
				if err := p.look(ctx); err != nil && ctx.Err() == nil {
					p.log.Warn("a user of the demo could not look into his inbox, he tries again", "user_sha256", wire.Hashed(p.id), "err", err)
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// look reads what is urgent and, of the rest, all but the newest, and archives or
// deletes what was read long ago.
func (p *person) look(ctx context.Context) error {
	items, err := p.list(ctx)
	if err != nil || len(items) == 0 {
		return err
	}
	var read, archive, remove []uint64
	unread := 0
	for i, one := range items { // the newest first
		switch {
		case !one.Read:
			unread++
			if one.Priority == "urgent" || unread > leftUnread {
				read = append(read, one.Seq)
			}
		case i >= leftListed && rand.IntN(4) == 0:
			remove = append(remove, one.Seq)
		case i >= leftListed:
			archive = append(archive, one.Seq)
		}
	}
	if len(read) == 0 && unread > 0 && rand.IntN(2) == 0 {
		read = append(read, items[0].Seq) // the newest is what he came for
	}
	for _, act := range []struct {
		what string
		seqs []uint64
	}{{"read", read}, {"archive", archive}, {"delete", remove}} {
		if len(act.seqs) == 0 {
			continue
		}
		if err := p.call(ctx, http.MethodPost, "/inbox/"+act.what, map[string]any{"seqs": act.seqs}, nil); err != nil {
			return err
		}
	}
	return nil
}

// reachable has the person be mailed, in Korean the one whom the first page shows so.
func (p *person) reachable(ctx context.Context) error {
	if p.id == users()[1].ID {
		if err := p.call(ctx, http.MethodPatch, "/preferences", map[string]any{"language": "ko"}, nil); err != nil {
			return err
		}
	}
	return p.call(ctx, http.MethodPut, "/addresses/mail", map[string]any{"address": hex.EncodeToString([]byte(p.id)) + "@demo.example"}, nil)
}

// list returns the person's inbox, the newest first.
func (p *person) list(ctx context.Context) ([]item, error) {
	var answer struct {
		Items []item `json:"items"`
	}
	err := p.call(ctx, http.MethodGet, "/inbox?limit=100", nil, &answer)
	return answer.Items, err
}

// newestUnread returns the seq of the person's newest unread item, 0 for none.
func (p *person) newestUnread(ctx context.Context) (uint64, error) {
	items, err := p.list(ctx)
	for _, one := range items {
		if !one.Read {
			return one.Seq, err
		}
	}
	return 0, err
}

// call makes a call about the person and decodes its answer into out, unless nil.
func (p *person) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode call: %w", err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, p.base+"/v1/users/"+url.PathEscape(p.id)+path, body)
	if err != nil {
		return fmt.Errorf("make call: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("call the server: %w", err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		return fmt.Errorf("read the answer: %w", err)
	case res.StatusCode >= http.StatusBadRequest:
		return fmt.Errorf("%s %s: %s", method, path, res.Status)
	case out == nil:
		return nil
	}
	return json.Unmarshal(answer, out)
}
