package announced

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/bench"
)

// Comparison is a notice to all users of an installation, and copies to some of them.
type Comparison struct {
	Samples int // users whose lists are read
	Copies  int // users who are written to, one by one
}

// Cost is what a notice, or copies, took.
type Cost struct {
	Journal, Rows, Contents int64 // records written to the journal and the tables
	Answered                time.Duration
	// Shown is from the call until users of each partition were shown it.
	Shown time.Duration
	// Listed is how long it took to read the lists of all samples then, Missing how many
	// of these had it not.
	Listed  time.Duration
	Missing int
	CPU     time.Duration // of processor and server, until users were shown it
}

// Compared is both.
type Compared struct{ Notice, Copies Cost }

const (
	// callers are how many calls are under way at a time.
	callers = 8
	// perCall is how many recipients a call names, the most that it may.
	perCall = 1000
	// foldPatience is for journals of any size here.
	foldPatience = 20 * time.Minute
)

// Run has each user get one notification, and measures then.
func (o Comparison) Run(ctx context.Context, c *bench.Config) (out Compared, err error) {
	s, err := c.Open(ctx, "notice")
	defer func() { err = errors.Join(err, s.Close(ctx)) }()
	if err != nil {
		return out, err
	}
	processor, err := s.Processor(ctx, "processor")
	if err != nil {
		return out, err
	}
	feed := bench.Feed{Kafka: s.Kafka, Prefix: s.Prefix, Users: s.Users, Journal: true}
	if _, err := feed.Run(ctx, s.Users); err != nil {
		return out, fmt.Errorf("load the journal: %w", err)
	}
	if err := s.Rest(ctx, foldPatience); err != nil {
		return out, err
	}
	server, err := s.Server(ctx, "server", "--list-rate", "1000000", "--list-burst", "1000000", "--post-rate", "1000000", "--post-burst", "1000000")
	if err != nil {
		return out, err
	}
	r := run{Comparison: o, s: s, processes: []bench.Process{processor, server}, url: server.URL(),
		web: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * callers}}}
	if out.Notice, err = r.measure(ctx, "notice", r.announce); err != nil {
		return out, fmt.Errorf("a notice: %w", err)
	}
	if out.Copies, err = r.measure(ctx, "copies", r.copies); err != nil {
		return out, fmt.Errorf("copies: %w", err)
	}
	return out, nil
}

// run is one installation that is measured.
type run struct {
	Comparison
	s         bench.Site
	processes []bench.Process
	url       string
	web       *http.Client
}

// measure has something with that id sent to users, and waits until they are shown it.
func (r *run) measure(ctx context.Context, id string, send func(context.Context, string) error) (out Cost, err error) {
	topics := []string{r.s.Prefix.Journal(), r.s.Prefix.UnreadTable(), r.s.Prefix.InboxTable()}
	before, err := r.s.Ends(ctx, topics...)
	if err != nil {
		return out, err
	}
	used, err := r.cpu()
	if err != nil {
		return out, err
	}
	began := time.Now()
	if err := send(ctx, id); err != nil {
		return out, err
	}
	out.Answered = time.Since(began)
	// A partition shows a notice to all of its users at once, and the last copies are
	// the last that are shown.
	last := map[int32]string{}
	for i := max(0, r.Copies-1000*r.s.Partitions); i < r.Copies; i++ {
		user := bench.Recipient(i, r.s.Users)
		last[kafka.Partition(user, r.s.Partitions)] = user
	}
	for _, user := range last {
		for has := false; !has; {
			if has, err = r.has(ctx, user, id); err != nil {
				return out, err
			}
		}
	}
	out.Shown = time.Since(began)
	now, err := r.cpu()
	if err != nil {
		return out, err
	}
	out.CPU = now - used
	listing := time.Now()
	var missing atomic.Int64
	err = each(ctx, r.Samples, func(ctx context.Context, i int) error {
		has, err := r.has(ctx, bench.Recipient(i*(r.Copies/r.Samples), r.s.Users), id)
		if !has {
			missing.Add(1)
		}
		return err
	})
	if err != nil {
		return out, err
	}
	out.Listed, out.Missing = time.Since(listing), int(missing.Load())
	if err := r.s.Rest(ctx, foldPatience); err != nil {
		return out, err
	}
	after, err := r.s.Ends(ctx, topics...)
	if err != nil {
		return out, err
	}
	out.Journal, out.Rows, out.Contents = after[0]-before[0], after[1]-before[1], after[2]-before[2]
	return out, nil
}

func (r *run) cpu() (sum time.Duration, err error) {
	for _, p := range r.processes {
		used, err := p.CPU()
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}

// event is what is sent.
type event struct {
	Audience   string   `json:"audience,omitempty"`
	Recipients []string `json:"recipients,omitempty"`
	ID         string   `json:"id"`
	Source     string   `json:"source"`
	Title      string   `json:"title"`
}

func (r *run) announce(ctx context.Context, id string) error {
	return r.post(ctx, event{Audience: "all", ID: id, Source: "/bench", Title: "The canteen is closed today"})
}

func (r *run) copies(ctx context.Context, id string) error {
	return each(ctx, (r.Copies+perCall-1)/perCall, func(ctx context.Context, n int) error {
		e := event{ID: id, Source: "/bench", Title: "The canteen is closed today"}
		for i := n * perCall; i < min((n+1)*perCall, r.Copies); i++ {
			e.Recipients = append(e.Recipients, bench.Recipient(i, r.s.Users))
		}
		return r.post(ctx, e)
	})
}

func (r *run) post(ctx context.Context, e event) error {
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url+"/v1/notifications", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := r.web.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusAccepted {
		return fmt.Errorf("post: %s", response.Status)
	}
	return nil
}

// has reports whether a user's list begins with that id.
func (r *run) has(ctx context.Context, user, id string) (bool, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+"/v1/users/"+url.PathEscape(user)+"/inbox?limit=1", nil)
	if err != nil {
		return false, err
	}
	response, err := r.web.Do(request)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return false, fmt.Errorf("list: %s", response.Status)
	}
	var page struct{ Items []struct{ ID string } }
	if err := json.NewDecoder(response.Body).Decode(&page); err != nil {
		return false, fmt.Errorf("list: %w", err)
	}
	return len(page.Items) > 0 && page.Items[0].ID == id, nil
}

// each calls do for the numbers up to n, some at a time.
func each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(callers)
	for i := range n {
		g.Go(func() error { return do(ctx, i) })
	}
	return g.Wait()
}
