package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry/internal/bench/figures"
)

// Start is a way in which [Config.Restarts] starts a process.
type Start string

// The ways to start.
const (
	ColdProcessor   Start = "processor, empty state"
	KilledProcessor Start = "processor, after SIGKILL"
	StaticProcessor Start = "processor, after SIGKILL, static member"
	ColdServer      Start = "server, empty state"
	KilledServer    Start = "server, after SIGKILL"
)

// Starts are all ways in the order in which they are tried.
func Starts() []Start {
	return []Start{ColdProcessor, KilledProcessor, StaticProcessor, ColdServer, KilledServer}
}

// Started is one measured start.
type Started struct {
	Ready  time.Duration // from exec to the first /readyz that says so
	Memory float64       // resident at that time, MiB
	// Resumed is the time from exec until the first row that the process wrote
	// was read from the unread table's topic; 0 if there was no load.
	Resumed time.Duration
}

// Restarts fills the tables with that many events, and then starts a process of
// the program each way, rounds times. A killed one is killed under a load of
// rate events per second, which goes on while it starts; it has the groups to
// itself, so that a dynamic member has to wait for the session of its former
// self to end.
func (c *Config) Restarts(ctx context.Context, name string, p Program, events, rate, rounds int, ways []Start) (result map[Start][]Started, err error) {
	in, err := c.install(ctx, name)
	defer func() { err = errors.Join(err, in.close(ctx)) }()
	if err != nil {
		return nil, err
	}
	if err := in.fill(ctx, p, events); err != nil {
		return nil, fmt.Errorf("fill the tables: %w", err)
	}
	r := &restarts{installation: in, program: p, rate: rate, next: events}
	result = map[Start][]Started{}
	for _, way := range Starts() {
		if !slices.Contains(ways, way) {
			continue
		}
		measure := r.cold
		if way == KilledProcessor || way == StaticProcessor || way == KilledServer {
			measure = r.killed
		}
		if result[way], err = measure(ctx, way, rounds); err != nil {
			return result, fmt.Errorf("%s: %w", way, err)
		}
	}
	return result, nil
}

// fill writes the events and has the program process all of them.
func (in *installation) fill(ctx context.Context, p Program, events int) error {
	feed := Feed{Kafka: in.Kafka, Prefix: in.Prefix, Users: in.Users, Journal: true}
	if _, err := feed.Run(ctx, events); err != nil {
		return err
	}
	m, err := in.processor(ctx, p, "fill")
	if err != nil {
		return err
	}
	behind, err := in.rest(ctx, in.folding(), time.Minute+time.Duration(events)*time.Millisecond)
	if err == nil && behind > 0 {
		err = fmt.Errorf("still %d records behind; the end of the log:\n%s", behind, m.logTail(8))
	}
	return errors.Join(err, m.terminate())
}

type restarts struct {
	*installation
	program Program
	rate    int
	next    int       // number of the first event that was not written yet
	rows    *firstRow // nil without load and for a server
}

// firstRow waits for the first record of a topic that was written after a given
// time.
type firstRow struct {
	mu    sync.Mutex
	after time.Time
	seen  chan time.Time // has room for one
}

func (f *firstRow) visit(r *kgo.Record, at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	// The last writes of a killed process may be read after its end.
	if !f.after.IsZero() && r.Timestamp.After(f.after) {
		f.after = time.Time{}
		f.seen <- at
	}
}

func (f *firstRow) expect(after time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.after = after
	select {
	case <-f.seen: // nobody waited for it
	default:
	}
}

// launch starts a process of that kind, anew if m is nil, and waits until it is
// ready.
func (r *restarts) launch(ctx context.Context, way Start, m *member) (*member, Started, error) {
	began := time.Now()
	if r.rows != nil {
		r.rows.expect(began)
	}
	var err error
	switch name := "state"; {
	case m != nil:
		err = m.start()
	case way == ColdServer || way == KilledServer:
		m, err = r.server(ctx, name)
	case way == StaticProcessor:
		m, err = r.processor(ctx, r.program, name, "--instance-id", "static")
	default:
		m, err = r.processor(ctx, r.program, name)
	}
	if err == nil {
		err = m.awaitReady(ctx)
	}
	s := Started{Ready: time.Since(began)}
	if err != nil {
		return m, s, err
	}
	values, err := m.usage(ctx)
	s.Memory = values[figures.Memory]
	if err != nil || r.rows == nil {
		return m, s, err
	}
	select {
	case at := <-r.rows.seen:
		s.Resumed = at.Sub(began)
	case <-time.After(readyTimeout):
		err = fmt.Errorf("ready, but wrote nothing for %s; the end of its log:\n%s", readyTimeout, m.logTail(8))
	case <-ctx.Done():
		err = ctx.Err()
	}
	return m, s, err
}

// drop ends a process in good order and removes its state.
func (r *restarts) drop(m *member) error {
	if m == nil {
		return nil
	}
	return errors.Join(m.terminate(), os.RemoveAll(m.dir))
}

func (r *restarts) cold(ctx context.Context, way Start, rounds int) (all []Started, err error) {
	for range rounds {
		m, s, err := r.launch(ctx, way, nil)
		if err := errors.Join(err, r.drop(m)); err != nil {
			return all, err
		}
		all = append(all, s)
	}
	return all, nil
}

func (r *restarts) killed(ctx context.Context, way Start, rounds int) (all []Started, err error) {
	beside, stop := context.WithCancel(ctx)
	defer stop()
	feeding := make(chan error, 1)
	go func() { // is waited for below
		feed := Feed{Kafka: r.Kafka, Prefix: r.Prefix, Users: r.Users, Rate: r.rate, Journal: true, First: r.next}
		n, err := feed.Run(beside, 0)
		r.next += n
		feeding <- err
	}()
	defer func() {
		stop()
		err = errors.Join(err, <-feeding)
	}()
	if way != KilledServer {
		follower, err := Follow(ctx, r.Kafka, r.Prefix.UnreadTable())
		if err != nil {
			return nil, err
		}
		r.rows = &firstRow{seen: make(chan time.Time, 1)}
		var following sync.WaitGroup
		following.Go(func() { _ = follower.Run(beside, r.rows.visit) })
		defer func() {
			stop()
			following.Wait()
			follower.Close()
			r.rows = nil
		}()
	} else { // somebody must fill the tables meanwhile
		filler, startErr := r.processor(ctx, r.program, "filler")
		if startErr != nil {
			return nil, startErr
		}
		defer func() { err = errors.Join(err, r.drop(filler)) }()
	}
	m, _, err := r.launch(ctx, way, nil)
	defer func() { err = errors.Join(err, r.drop(m)) }()
	for range rounds {
		if err != nil {
			return all, err
		}
		// It works for a while before the next blow.
		if err = Pause(ctx, 2*time.Second); err != nil {
			return all, err
		}
		if err = m.kill(); err != nil {
			return all, err
		}
		var s Started
		if m, s, err = r.launch(ctx, way, m); err == nil {
			all = append(all, s)
		}
	}
	return all, err
}
