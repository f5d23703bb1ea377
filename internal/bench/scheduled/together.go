package scheduled

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/belfry/belfry/internal/bench"
	"github.com/belfry/belfry/internal/bench/client"
)

// Together is a steady rate of scheduled events, whose badges and lists are sampled as
// they come due.
type Together struct {
	Rate     int           // events a second
	Duration time.Duration // for how long they are written
	Lead     time.Duration // from its writing until an event is due
	Every    time.Duration // between two samples
	Streams  int           // users with a stream, the first of all
}

// Sampled is what the samples found.
type Sampled struct {
	Events  int
	Samples int // pairs of a badge and a list
	Missed  int // samples that were due while all readers were busy
	Same    int // of one version and x, by two servers
	Apart   int // where badge and list differ
	First   string
	// Late is from when an event was due until it was on its user's stream.
	Late []time.Duration
}

// readers is how many samples may be under way.
const readers = 8

// Run writes the events and samples meanwhile, the badge of one server and the list of
// another, of a user for whom something comes due at that moment.
func (t Together) Run(ctx context.Context, c *bench.Config) (out Sampled, err error) {
	s, err := c.Open(ctx, "together")
	defer func() { err = errors.Join(err, s.Close(ctx)) }()
	if err != nil {
		return out, err
	}
	if _, err := s.Processor(ctx, "processor"); err != nil {
		return out, err
	}
	var urls [2]string
	for i := range urls {
		server, err := s.Server(ctx, fmt.Sprint("server-", i+1), "--list-rate", "10000", "--list-burst", "10000")
		if err != nil {
			return out, err
		}
		urls[i] = server.URL()
	}
	r := &sampling{told: map[int]bool{}, web: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4*readers + t.Streams}}, urls: urls}
	beside, stop := context.WithCancel(ctx)
	defer stop()
	g, gctx := errgroup.WithContext(beside)
	began := time.Now().Add(time.Second).Truncate(time.Millisecond)
	at := func(i int) time.Time { return began.Add(time.Duration(i) * time.Second / time.Duration(t.Rate)) }
	n := int(t.Duration.Seconds() * float64(t.Rate))
	for i := range min(t.Streams, s.Users) {
		g.Go(func() error {
			err := client.ReadStream(gctx, r.web, urls[i%2], bench.Recipient(i, s.Users), func() {}, func(id string, arrived time.Time) {
				number := 0
				if _, err := fmt.Sscanf(id, "evt-%d", &number); err == nil {
					r.arrived(number, arrived.Sub(at(number).Add(t.Lead)))
				}
			})
			if gctx.Err() != nil {
				return nil
			}
			return errors.Join(errors.New("a stream ended before its time"), err)
		})
	}
	users := make(chan string)
	for range readers {
		g.Go(func() error {
			for user := range users {
				if err := r.sample(gctx, user); err != nil && gctx.Err() == nil {
					return err
				}
			}
			return nil
		})
	}
	g.Go(func() error {
		return write(gctx, s, n, func(i int) (string, time.Time, time.Time) {
			return bench.Recipient(i, s.Users), at(i), at(i).Add(t.Lead)
		})
	})
	g.Go(func() error {
		defer stop()
		defer close(users)
		for due := began.Add(t.Lead); due.Before(at(n).Add(t.Lead + time.Second)); due = due.Add(t.Every) {
			if err := bench.Pause(gctx, time.Until(due)); err != nil {
				return err
			}
			i := min(int(due.Sub(began.Add(t.Lead)).Seconds()*float64(t.Rate)), n-1)
			select {
			case users <- bench.Recipient(i, s.Users):
			default:
				r.missed++ // of this goroutine alone
			}
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		return out, err
	}
	out = r.Sampled
	out.Events, out.Missed = n, r.missed
	return out, ctx.Err()
}

// sampling is samples under way.
type sampling struct {
	web    *http.Client
	urls   [2]string
	missed int

	mu   sync.Mutex
	told map[int]bool
	Sampled
}

// arrived notes an event: a stream tells it again once its wake is settled.
func (r *sampling) arrived(number int, late time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.told[number] {
		r.told[number] = true
		r.Late = append(r.Late, late)
	}
}

// shown is what a badge and a list have in common, and the list's items.
type shown struct {
	Version uint64 `json:"version"`
	X       int    `json:"x"`
	Unread  int    `json:"unread"`
	Items   []struct {
		Read bool `json:"read"`
	} `json:"items"`
	Next string `json:"next"`
}

// sample reads a badge and a list at once, and compares what can be.
func (r *sampling) sample(ctx context.Context, user string) error {
	var badge, list shown
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.get(gctx, r.urls[0]+"/v1/users/"+user+"/unread", &badge) })
	g.Go(func() error { return r.get(gctx, r.urls[1]+"/v1/users/"+user+"/inbox?limit=100", &list) })
	if err := g.Wait(); err != nil {
		return err
	}
	unread := 0
	for _, item := range list.Items {
		if !item.Read {
			unread++
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Samples++
	same := badge.Version == list.Version && badge.X == list.X
	if same {
		r.Same++
	}
	if list.Next == "" && unread != list.Unread || same && badge.Unread != list.Unread {
		if r.Apart++; r.Apart == 1 {
			r.First = fmt.Sprintf("%s: badge %d at version %d and x %d, list says %d and has %d at %d and %d", user, badge.Unread, badge.Version, badge.X, list.Unread, unread, list.Version, list.X)
		}
	}
	return nil
}

func (r *sampling) get(ctx context.Context, url string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second) // not of the client: its streams last
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := r.web.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", url, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(into)
}
