package peers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/bench"
	"github.com/belfry/belfry/internal/child"
)

// Config says what to measure, and where.
type Config struct {
	bench.Config
	Events int // of one recipient each
	// Zipf is the exponent of the law by which users get events; 0: in turn.
	Zipf float64
	// Recipients is for how many users each event is, in turn; 0 for one. Of more than a
	// message may have it is several messages. Only from notifications, and without Zipf.
	Recipients int
	// Threads of Kafka Streams.
	Threads int
	// Goka is the path of internal/plaingoka, Streams the class path of
	// peers.BuildStreams. Either may be empty if no program needs it.
	Goka, Streams string
	// BrokerPID, if not 0, is the process ID of the only broker, on this machine.
	BrokerPID int
}

// Result is what it took a program to bring all events into both tables.
type Result struct {
	// Steady is events a second between a quarter and 95 % of them, Total from the start
	// of the process to its last commit. Steady and SteadyCPU are 0 of a run that was too
	// short to tell.
	Steady, Total float64
	// SteadyCPU and CPU are the processor time for a million events in the same times,
	// in seconds; Broker that of the broker in all, 0 if it is not known.
	SteadyCPU, CPU, Broker float64
	// Written is what the logs that it wrote hold at its end, in bytes an event, as the
	// broker has them: compressed, of one replica.
	Written float64
	// Memory is the highest resident memory that was seen, in MiB.
	Memory float64
}

// run is one program in one round.
type run struct {
	Config
	prefix     belfry.Prefix
	dir, state string
	admin      *kadm.Client
}

// poll is how often is looked how far a program has come.
const poll = 50 * time.Millisecond

// patience is how long a program may take, and 5 ms more for each event.
const patience = 10 * time.Minute

// leastSteady is how long the steady part must last to be told.
const leastSteady = 3 * time.Second

// metadataAge is how old a list of topics may be.
const metadataAge = 100 * time.Millisecond

// stopTimeout is how long a program may take to end after SIGTERM.
const stopTimeout = 30 * time.Second

// Run measures one program. Its topics and groups go with it.
func (c *Config) Run(ctx context.Context, name, of string) (out Result, err error) {
	p, ok := named(of)
	if !ok {
		return out, Check([]string{of})
	}
	r := &run{Config: *c, prefix: c.Prefix + belfry.Prefix("-"+name), dir: filepath.Join(c.Dir, name)}
	r.state = filepath.Join(r.dir, "state")
	if err := os.MkdirAll(r.state, 0o700); err != nil {
		return out, fmt.Errorf("make a folder for state and log: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(r.dir)) }()
	// Topics that Kafka Streams makes are seen at once: a list may be as old as that.
	client, err := kgo.NewClient(append(c.Kafka.ClientOptions("belfry-bench"), kgo.MetadataMinAge(metadataAge))...)
	if err != nil {
		return out, fmt.Errorf("open kafka client: %w", err)
	}
	defer client.Close()
	r.admin = kadm.NewClient(client)
	defer func() { err = errors.Join(err, r.drop(context.WithoutCancel(ctx))) }()
	topics, err := kafka.OpenTopics(c.Kafka)
	if err != nil {
		return out, err
	}
	_, err = topics.Ensure(ctx, r.prefix.Topics(c.Partitions), 0)
	if err := errors.Join(err, topics.Close()); err != nil {
		return out, err
	}
	feed := bench.Feed{Kafka: c.Kafka, Prefix: r.prefix, Users: c.Users, Journal: p.journal, Zipf: c.Zipf, Recipients: min(c.Recipients, belfry.MaxRecipients)}
	if _, err := feed.Run(ctx, c.Events/max(feed.Recipients, 1)); err != nil {
		return out, fmt.Errorf("load the input: %w", err)
	}
	loaded, err := r.logBytes(ctx)
	if err != nil {
		return out, err
	}
	if out, err = r.measure(ctx, p); err != nil {
		return out, err
	}
	written, err := r.logBytes(ctx)
	out.Written = float64(written-loaded) / float64(c.Events)
	return out, err
}

// moment is how far a program was at a time, and what it had taken.
type moment struct {
	at   time.Time
	done int64
	cpu  time.Duration
}

func (r *run) measure(ctx context.Context, p program) (out Result, err error) {
	path, args := p.command(r)
	log := filepath.Join(r.dir, "log")
	broker, err := r.broker()
	if err != nil {
		return out, err
	}
	began := time.Now()
	process, err := child.Start(log, path, args...)
	if err != nil {
		return out, err
	}
	defer func() {
		_, stopErr := process.Stop(stopTimeout)
		err = errors.Join(err, stopErr)
	}()
	inputs, events := p.inputs(r.prefix), int64(r.Events)
	limit := began.Add(patience + time.Duration(events)*5*time.Millisecond) // a machine may be busy
	var first, last moment
	for {
		select {
		case <-time.After(poll):
		case <-process.Done():
			return out, fmt.Errorf("%s ended by itself; the end of its log:\n%s", p.name, child.LogTail(log, 12))
		case <-ctx.Done():
			return out, ctx.Err()
		}
		done, behind, err := r.progress(ctx, inputs)
		if err != nil {
			return out, err
		}
		used, err := child.FootprintOf(process.PID())
		if err != nil {
			return out, fmt.Errorf("%w; the end of its log:\n%s", err, child.LogTail(log, 12))
		}
		now := moment{time.Now(), done, used.CPU}
		out.Memory = max(out.Memory, float64(used.Resident)/(1<<20))
		if done < events/4 {
			first = now
		}
		if done <= events*95/100 || last.done <= first.done {
			last = now
		}
		switch {
		case done >= events && behind == 0:
			// Commits are a second apart: of less than some of them a rate says nothing.
			if n := float64(last.done - first.done); n > 0 && last.at.Sub(first.at) >= leastSteady {
				out.Steady = n / last.at.Sub(first.at).Seconds()
				out.SteadyCPU = (last.cpu - first.cpu).Seconds() / n * 1e6
			}
			out.Total = float64(events) / now.at.Sub(began).Seconds()
			out.CPU = used.CPU.Seconds() / float64(events) * 1e6
			after, err := r.broker()
			out.Broker = (after - broker).Seconds() / float64(events) * 1e6
			return out, err
		case now.at.After(limit):
			return out, fmt.Errorf("%s has processed %d of %d events after %s; the end of its log:\n%s", p.name, done, events, now.at.Sub(began).Round(time.Second), child.LogTail(log, 12))
		}
	}
}

// broker is what the broker has used so far.
func (r *run) broker() (time.Duration, error) {
	if r.BrokerPID == 0 {
		return 0, nil
	}
	used, err := child.FootprintOf(r.BrokerPID)
	return used.CPU, err
}

// progress is how many records of the first input are committed, and how many of all
// inputs are not. Before a group's first commit the program may not have it yet.
func (r *run) progress(ctx context.Context, inputs []input) (done, behind int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for i, in := range inputs {
		committed, err := (&kafka.Topics{Admin: r.admin}).Committed(ctx, in.group)
		if err != nil {
			return 0, 0, err
		}
		// Behind the last record of a transaction lies its marker, which is never
		// committed: of two inputs the first is what counts the events.
		ends, err := r.admin.ListCommittedOffsets(ctx, in.topic)
		if err == nil {
			err = ends.Error()
		}
		if err != nil {
			return 0, 0, fmt.Errorf("find the ends of %s: %w", in.topic, err)
		}
		ends.Each(func(end kadm.ListedOffset) {
			at := int64(0)
			if c, ok := committed.Lookup(end.Topic, end.Partition); ok {
				at = max(c.At, 0)
			}
			if i == 0 {
				done += at
			}
			// A marker or two at the end are no records.
			if left := end.Offset - at; left > maxMarkers {
				behind += left
			}
		})
	}
	return done, behind, nil
}

// maxMarkers is how many offsets at the end of a partition may be markers of
// transactions, of which Kafka Streams writes one in each that it commits.
const maxMarkers = 4

// logBytes is what the logs of the run's topics hold, replicas counted once.
func (r *run) logBytes(ctx context.Context) (sum int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	listed, err := r.admin.ListTopics(ctx)
	if err != nil {
		return 0, fmt.Errorf("list topics: %w", err)
	}
	described, err := r.admin.DescribeAllLogDirs(ctx, nil)
	if err != nil {
		return 0, fmt.Errorf("describe logs: %w", err)
	}
	described.Each(func(d kadm.DescribedLogDir) {
		d.Topics.Each(func(p kadm.DescribedLogDirPartition) {
			if strings.HasPrefix(p.Topic, string(r.prefix)+"-") || strings.HasPrefix(p.Topic, string(r.prefix)+".") {
				sum += p.Size / int64(max(len(listed[p.Topic].Partitions[p.Partition].Replicas), 1))
			}
		})
	})
	return sum, nil
}

// drop deletes the run's topics and groups.
func (r *run) drop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	listed, err := r.admin.ListTopics(ctx)
	if err != nil {
		return fmt.Errorf("list topics: %w", err)
	}
	own := func(name string) bool {
		return strings.HasPrefix(name, string(r.prefix)+"-") || strings.HasPrefix(name, string(r.prefix)+".")
	}
	var names []string
	for _, name := range listed.Names() {
		if own(name) {
			names = append(names, name)
		}
	}
	if groups, err := r.admin.ListGroups(ctx); err == nil {
		for _, name := range groups.Groups() {
			if own(name) {
				// One that still counts a member is left to the broker to forget.
				_, _ = r.admin.DeleteGroup(ctx, name)
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	deleted, err := r.admin.DeleteTopics(ctx, names...)
	if err == nil {
		err = deleted.Error()
	}
	if err != nil {
		return fmt.Errorf("delete the topics of %s: %w", r.prefix, err)
	}
	return nil
}
