package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry/internal/bench/figures"
)

// Fault is what a round of [Config.Gaps] does to an installation.
type Fault string

// The faults. Quiet is none: it shows what the measurement itself amounts to.
const (
	Quiet Fault = "none"
	Join  Fault = "join"    // a third process with an empty state folder
	Term  Fault = "SIGTERM" // of the third process
	Kill  Fault = "SIGKILL" // of one of the first two
)

// Faults are all faults in the order of a round: a process that is to leave has
// to have joined.
func Faults() []Fault { return []Fault{Quiet, Join, Term, Kill} }

const (
	// settleTimeout is how long an installation may take to come to rest.
	settleTimeout = 2 * time.Minute
	// breath is a pause that does not break the flow.
	breath = 500 * time.Millisecond
)

// Flowing is how long records must have come without a pause before an
// installation counts as settled: longer than plain goka sleeps between two
// parts of a rebalance.
const Flowing = 6 * time.Second

// Gap is how long a fault held up the longest of all partitions: of both
// tables, of each, and of the journal, which is the load and shows whether that
// was steady.
type Gap struct{ Both, Unread, Inbox, Journal time.Duration }

// String returns the gap in seconds.
func (g Gap) String() string {
	return fmt.Sprintf("%.2f s (unread %.2f, inbox %.2f, load %.2f)", g.Both.Seconds(), g.Unread.Seconds(), g.Inbox.Seconds(), g.Journal.Seconds())
}

// Round is what one round of [Config.Gaps] found.
type Round struct {
	Gaps    map[Fault]Gap
	Endings int // how often a process ended by itself
}

// Gaps runs one round: an installation of two processes under that many events
// per second, and one fault after the other, each when everything has been
// flowing for that time.
func (c *Config) Gaps(ctx context.Context, name string, p Program, rate int, flowing time.Duration) (round Round, err error) {
	in, err := c.install(ctx, name)
	defer func() { err = errors.Join(err, in.close(ctx)) }()
	if err != nil {
		return round, err
	}
	r := &gapRound{installation: in, program: p, flowing: flowing, gaps: map[Fault]Gap{}}
	topics := []string{in.Prefix.Journal(), in.Prefix.UnreadTable(), in.Prefix.InboxTable()}
	follower, err := Follow(ctx, in.Kafka, topics...)
	if err != nil {
		return round, err
	}
	defer follower.Close()
	for _, process := range []string{"a", "b"} {
		if _, err := in.processor(ctx, p, process); err != nil {
			return round, err
		}
	}
	for _, m := range in.members {
		if err := m.awaitReady(ctx); err != nil {
			return round, err
		}
	}
	r.silences = figures.NewSilences(seriesOf(topics, in.Partitions), time.Now())
	beside, stop := context.WithCancel(ctx)
	defer stop()
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	feeding := make(chan error, 1)
	running.Go(func() {
		_ = follower.Run(beside, func(rec *kgo.Record, at time.Time) { r.silences.Arrive(seriesName(rec.Topic, rec.Partition), at) })
	})
	running.Go(func() {
		feed := Feed{Kafka: in.Kafka, Prefix: in.Prefix, Users: in.Users, Rate: rate, Journal: true}
		_, err := feed.Run(beside, 0)
		feeding <- err
	})
	err = r.run(ctx)
	stop()
	return Round{r.gaps, in.endings()}, errors.Join(err, <-feeding)
}

func seriesName(topic string, partition int32) string { return fmt.Sprintf("%s/%d", topic, partition) }

func seriesOf(topics []string, partitions int) []string {
	var names []string
	for _, topic := range topics {
		for p := range int32(partitions) {
			names = append(names, seriesName(topic, p))
		}
	}
	return names
}

// gapRound is one round under way.
type gapRound struct {
	*installation
	program  Program
	flowing  time.Duration
	silences *figures.Silences
	gaps     map[Fault]Gap
}

func (r *gapRound) run(ctx context.Context) error {
	if err := r.settle(ctx, 2); err != nil {
		return fmt.Errorf("two processes: %w", err)
	}
	for _, f := range Faults() {
		began := time.Now()
		members, err := r.inflict(ctx, f)
		if err == nil {
			err = r.settle(ctx, members)
		}
		if err != nil {
			return fmt.Errorf("after %s: %w", f, err)
		}
		r.gaps[f] = r.gap(began, time.Now())
	}
	return nil
}

// inflict does the fault and returns how many processes there are then.
func (r *gapRound) inflict(ctx context.Context, f Fault) (members int, err error) {
	switch f {
	case Join:
		_, err = r.processor(ctx, r.program, "c")
		return 3, err
	case Term:
		return 2, r.members[2].terminate()
	case Kill:
		return 1, r.members[1].kill()
	default:
		return 2, nil
	}
}

func (r *gapRound) gap(from, to time.Time) Gap {
	longest := func(topic string) time.Duration {
		return r.silences.Longest(from, to, func(name string) bool { return strings.HasPrefix(name, topic+"/") })
	}
	g := Gap{Unread: longest(r.Prefix.UnreadTable()), Inbox: longest(r.Prefix.InboxTable()), Journal: longest(r.Prefix.Journal())}
	g.Both = max(g.Unread, g.Inbox)
	return g
}

// settle waits until the groups have that many members, and every partition of
// the tables has been getting records for a while.
func (r *gapRound) settle(ctx context.Context, members int) error {
	deadline := time.Now().Add(settleTimeout)
	since := time.Now()
	for {
		if err := Pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
		now := time.Now()
		stable, err := r.admin.stable(ctx, members)
		g := r.gap(now.Add(-breath), now)
		if err != nil || !stable || g.Both > breath {
			since = time.Now()
		}
		if time.Since(since) >= r.flowing {
			return nil
		}
		if now.After(deadline) {
			return fmt.Errorf("not settled within %s: groups of %d members: %t, %v; last pause %s; the end of the logs:\n%s", settleTimeout, members, stable, err, g, r.tails())
		}
	}
}

func (in *installation) tails() string {
	var all strings.Builder
	for _, m := range in.members {
		fmt.Fprintf(&all, "%s:\n%s\n", filepath.Base(m.dir), m.logTail(8))
	}
	return all.String()
}
