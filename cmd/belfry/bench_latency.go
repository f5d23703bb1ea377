package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/belfry/belfry/emitters"
	"github.com/belfry/belfry/server"
)

func (p *program) benchLatencyCommand() *cobra.Command {
	var (
		o    benchOptions
		rate int
		last time.Duration
	)
	c := &cobra.Command{
		Use:   "latency",
		Short: "Measure the way of an event: from the call that writes it to Kafka to the stream",
		Long: `Write events to the notifications topic at a steady rate, with a stream open for
every user, and measure from the call that writes an event until its item has
been read from the stream. Events are sent when they are due, whether earlier
ones have arrived or not; those of the first second do not count.`,
		Example: `  belfry bench latency
  belfry bench latency --rate 2000 --users 1000 --brokers 127.0.0.1:9092`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(o.validate(), atLeast("rate", rate, 1)); err != nil {
				return err
			}
			if last < 2*time.Second {
				return flagErrorf("duration", "must be at least 2s, is %s", last)
			}
			return p.benchLatency(cmd.Context(), &o, rate, last)
		},
	}
	o.addCommonFlags(c)
	users := c.Flags().Lookup("users")
	o.users, users.DefValue = 200, "200"
	c.Flags().IntVar(&rate, "rate", 500, "events a second")
	c.Flags().DurationVar(&last, "duration", 20*time.Second, "how long to send")
	return c
}

// arrivals takes down when items come out of streams.
type arrivals struct {
	mu   sync.Mutex
	sent map[string]time.Time // by id, what has not arrived
	took []time.Duration
	none chan struct{} // closed when the last has arrived, once closing is set
	last bool
}

func (a *arrivals) send(id string, at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sent[id] = at
}

func (a *arrivals) arrive(id string, at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if sent, ok := a.sent[id]; ok {
		delete(a.sent, id)
		a.took = append(a.took, at.Sub(sent))
		a.finish()
	}
}

// close says that no more is sent.
func (a *arrivals) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = true
	a.finish()
}

// missing is how many have not arrived.
func (a *arrivals) missing() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.sent)
}

// finish must be called with the lock held.
func (a *arrivals) finish() {
	if a.last && len(a.sent) == 0 {
		close(a.none)
	}
}

func (p *program) benchLatency(ctx context.Context, o *benchOptions, rate int, last time.Duration) (err error) {
	b, err := o.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	fmt.Fprintf(p.stdout, "latency: %s\n%s; %d events/s for %s, %d users with a stream each, %d partitions\n", machine(), b.where(), rate, last, o.users, o.partitions)
	ready := make(chan struct{})
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return runNode(gctx, nodeConfig{
			engine: b.engine, prefix: b.prefix, groups: allGroups(), api: ln, auth: server.NoAuth(),
			grace: 5 * time.Second, onReady: func() { close(ready) }, log: b.engine.Logger,
		})
	})
	g.Go(func() error {
		defer stop()
		select {
		case <-ready:
		case <-gctx.Done():
			return nil
		}
		a := &arrivals{sent: map[string]time.Time{}, none: make(chan struct{})}
		b.follow(gctx, g, "http://"+ln.Addr().String(), o.users, a)
		if err := b.sendSteadily(gctx, o.users, rate, last, a); err != nil {
			return err
		}
		select {
		case <-a.none:
		case <-time.After(30 * time.Second):
			return fmt.Errorf("%d events had not arrived after 30 s", a.missing())
		case <-gctx.Done():
			return gctx.Err()
		}
		counted := a.took[min(rate, len(a.took)):]
		fmt.Fprintf(p.stdout, "event to stream: %s\n", summary(counted))
		return nil
	})
	return g.Wait()
}

// follow opens a stream for every user and returns when all have begun. The
// readers belong to g and end with ctx; one that ends before is an error of g.
func (b *bench) follow(ctx context.Context, g *errgroup.Group, url string, users int, a *arrivals) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: users, DisableCompression: true}}
	var begun sync.WaitGroup
	for i := range users {
		begun.Add(1)
		once := sync.OnceFunc(begun.Done)
		g.Go(func() error {
			defer once()
			err := readStream(ctx, client, fmt.Sprintf("%s/v1/users/%s/stream", url, benchEvent(i, users, time.Now()).Recipient), once, a)
			switch {
			case ctx.Err() != nil:
				return nil
			case err != nil:
				return fmt.Errorf("read stream: %w", err)
			}
			return errors.New("a stream ended before its time")
		})
	}
	begun.Wait()
}

// readStream reads one stream until ctx ends; begun is called with its first
// event.
func readStream(ctx context.Context, client *http.Client, url string, begun func(), a *arrivals) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", url, response.Status)
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(make([]byte, 4096), 1<<20)
	event := ""
	for lines.Scan() {
		line := lines.Text()
		if name, ok := strings.CutPrefix(line, "event: "); ok {
			event = name
			continue
		}
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok {
			continue
		}
		if event == "item" {
			at := time.Now()
			var item struct {
				ID string `json:"id"`
			}
			if err := json.Unmarshal([]byte(data), &item); err != nil {
				return err
			}
			a.arrive(item.ID, at)
		}
		begun()
	}
	return lines.Err()
}

// sendSteadily writes events at the rate, each when it is due.
func (b *bench) sendSteadily(ctx context.Context, users, rate int, last time.Duration, a *arrivals) (err error) {
	out, err := emitters.OpenNotifications(b.engine, b.prefix)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	failed := make(chan error, 1)
	began := time.Now()
	for i := 0; ; i++ {
		due := began.Add(time.Duration(i) * time.Second / time.Duration(rate))
		if due.Sub(began) >= last {
			break
		}
		select {
		case <-time.After(time.Until(due)):
		case err := <-failed:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
		n := benchEvent(i, users, due)
		value, err := json.Marshal(&n)
		if err != nil {
			return err
		}
		// From when it was due: a sender that falls behind must not look fast.
		a.send(n.ID, due)
		if err := out.EmitRaw(n.Recipient, value, func(err error) {
			if err != nil {
				select {
				case failed <- err:
				default: // one is enough
				}
			}
		}); err != nil {
			return err
		}
	}
	a.close()
	return nil
}
