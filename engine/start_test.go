package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"

	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/enginetest"
)

// source defines a stateless group "s" over the topic "src" that notes what it
// sees.
func source(seen *enginetest.Log, start func(*kafka.Topics) (engine.Start, error)) engine.Group {
	return engine.Group{
		Graph: goka.DefineGroup("s", goka.Input("src", engine.Bytes{}, engine.Callback(func(c *engine.Context, value []byte) {
			line := string(value)
			if c.Silent() {
				line += "(silent)"
			}
			seen.Add(line)
		}))),
		Positional: true, Transient: true, Start: start,
	}
}

func startAt(s engine.Start) func(*kafka.Topics) (engine.Start, error) {
	return func(*kafka.Topics) (engine.Start, error) { return s, nil }
}

// rec is a record of the topic "src".
func rec(partition int32, value string, when time.Time) *sarama.ProducerMessage {
	return &sarama.ProducerMessage{Topic: "src", Partition: partition, Value: sarama.StringEncoder(value), Timestamp: when}
}

// offsetsOf gives the group's offsets in that many partitions, -1 without one,
// and nil if there is no group.
func offsetsOf(t *testing.T, cfg kafka.Config, group, topic string, partitions int) []int64 {
	t.Helper()
	all := make([]int32, partitions)
	for p := range all {
		all[p] = int32(p)
	}
	response, err := enginetest.Admin(t, cfg).ListConsumerGroupOffsets(group, map[string][]int32{topic: all})
	if errors.Is(err, sarama.ErrGroupIDNotFound) {
		return nil
	}
	if err != nil {
		t.Fatalf("offsets of %s: %v", group, err)
	}
	out := make([]int64, partitions)
	for p := range out {
		out[p] = response.GetBlock(topic, int32(p)).Offset
	}
	return out
}

func awaitOffsets(t *testing.T, cfg kafka.Config, group, topic string, want ...int64) {
	t.Helper()
	var got []int64
	await.Eventually(t, enginetest.Patience, func() string { return fmt.Sprintf("%s has committed %v, want %v", group, got, want) }, func() bool {
		got = offsetsOf(t, cfg, group, topic, len(want))
		return slices.Equal(got, want)
	})
}

// Records that were there at the first activation are passed over as the start says,
// also after a process that ended before it had processed anything. Records that came
// while no process ran are not passed over.
func TestStartIsResolvedOnceForAllPartitions(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		start engine.Start
		from  []int64
		want  []string
	}{
		"oldest": {engine.Start{}, []int64{0, 0, 0}, []string{"a0", "a1", "a2", "b0", "b1", "new"}},
		"end":    {engine.Start{At: engine.AtEnd}, []int64{3, 2, 0}, []string{"new"}},
		"time":   {engine.Start{At: engine.AtTime, Time: day.Add(90 * time.Minute)}, []int64{2, 2, 0}, []string{"a2", "new"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := enginetest.Config(t)
			enginetest.CreateTopics(t, cfg, 3, "src")
			enginetest.Produce(t, cfg, rec(0, "a0", day), rec(0, "a1", day.Add(time.Hour)), rec(0, "a2", day.Add(2*time.Hour)), rec(1, "b0", day), rec(1, "b1", day.Add(time.Hour)))
			// The callback completes nothing: the process dies before its first
			// ordinary commit.
			hung := source(&enginetest.Log{}, startAt(tt.start))
			hung.Graph = goka.DefineGroup("s", goka.Input("src", engine.Bytes{}, engine.Callback(func(c *engine.Context, _ []byte) { <-c.Context().Done(); c.Fail(errTest) })))
			stop := enginetest.Run(t, engine.NewProcessor(cfg, hung).Run)
			awaitOffsets(t, cfg, "s", "src", tt.from...)
			stop()
			awaitOffsets(t, cfg, "s", "src", tt.from...)
			enginetest.Produce(t, cfg, rec(2, "new", day))
			var seen enginetest.Log
			enginetest.Run(t, engine.NewProcessor(cfg, source(&seen, func(*kafka.Topics) (engine.Start, error) {
				t.Error("asked a second time where to start")
				return engine.Start{}, nil
			})).Run)
			got := seen.Await(t, len(tt.want))
			awaitOffsets(t, cfg, "s", "src", 3, 2, 1)
			slices.Sort(got)
			if !slices.Equal(got, tt.want) {
				t.Errorf("saw %q, want %q", got, tt.want)
			}
		})
	}
}

func TestPartitionsThatComeLaterStartAtTheirOldest(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, "src")
	enginetest.Produce(t, cfg, rec(0, "old", time.Now()))
	var seen enginetest.Log
	p := engine.NewProcessor(cfg, source(&seen, startAt(engine.Start{At: engine.AtEnd})))
	enginetest.Run(t, p.Run)
	awaitOffsets(t, cfg, "s", "src", 1)
	if err := enginetest.Admin(t, cfg).CreatePartitions("src", 2, nil, false); err != nil {
		t.Fatal(err)
	}
	enginetest.Produce(t, cfg, rec(1, "first of a new partition", time.Now()))
	if got := seen.Await(t, 1); !slices.Equal(got, []string{"first of a new partition"}) {
		t.Errorf("saw %q", got)
	}
	if s := p.Status(); s.Restarts != 0 {
		t.Errorf("the new partition cost a restart: %v", s)
	}
}

func TestTwoThatStartAtOnceActivateOnce(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 4, "src")
	for p := range int32(4) {
		enginetest.Produce(t, cfg, rec(p, "old", time.Now()))
	}
	var seen enginetest.Log
	var asked atomic.Int32
	var members []*engine.Processor
	for range 2 {
		own := cfg
		own.StateDir = t.TempDir()
		p := engine.NewProcessor(own, source(&seen, func(*kafka.Topics) (engine.Start, error) {
			asked.Add(1)
			return engine.Start{At: engine.AtEnd}, nil
		}))
		members = append(members, p)
		enginetest.Run(t, p.Run)
	}
	awaitOffsets(t, cfg, "s", "src", 1, 1, 1, 1)
	for _, m := range members {
		enginetest.AwaitPhase(t, m, engine.Running)
	}
	for p := range int32(4) {
		enginetest.Produce(t, cfg, rec(p, fmt.Sprint("new ", p), time.Now()))
	}
	got := seen.Await(t, 4)
	awaitOffsets(t, cfg, "s", "src", 2, 2, 2, 2)
	slices.Sort(got)
	if want := []string{"new 0", "new 1", "new 2", "new 3"}; !slices.Equal(got, want) {
		t.Errorf("saw %q, want %q", got, want)
	}
	// A rebalance between a decision and its commit has the commit refused, and its member
	// begin again.
	again := 0
	for _, m := range members {
		again += int(m.Status().Restarts)
	}
	if n := int(asked.Load()); n < 1 || n > 1+again {
		t.Errorf("where to start was asked %d times, with %d restarts", n, again)
	}
}

// A member that stood still between its decision and its commit must not undo
// what another has begun.
func TestActivationOfTheDeadIsRefused(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, "src")
	enginetest.Produce(t, cfg, rec(0, "old", time.Now()))
	deciding, decide := make(chan struct{}), make(chan struct{})
	var calls atomic.Int32
	var seen enginetest.Log
	paused := engine.NewProcessor(cfg, source(&seen, func(*kafka.Topics) (engine.Start, error) {
		if calls.Add(1) == 1 {
			close(deciding)
			<-decide
		}
		return engine.Start{}, nil // would read what is old
	}))
	enginetest.Run(t, paused.Run)
	<-deciding
	// With its state folder the next one takes it out of the group.
	stop := enginetest.Run(t, engine.NewProcessor(cfg, source(&seen, startAt(engine.Start{At: engine.AtEnd}))).Run)
	awaitOffsets(t, cfg, "s", "src", 1)
	stop()
	close(decide)
	await.Eventually(t, enginetest.Patience, func() string { return paused.Status().String() }, func() bool {
		s := paused.Status()
		return s.Restarts > 0 && s.Phase == engine.Running
	})
	enginetest.Produce(t, cfg, rec(0, "new", time.Now()))
	if got := seen.Await(t, 1); !slices.Equal(got, []string{"new"}) {
		t.Errorf("saw %q, want the new one alone", got)
	}
	if n := calls.Load(); n != 1 {
		t.Errorf("where to start was asked %d times", n)
	}
}

// A silent record stays silent for every process that reads it again.
func TestSilentRecordsAreTheSameAfterACrash(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, "src")
	now := time.Now()
	enginetest.Produce(t, cfg, rec(0, "a", now), rec(0, "b", now), rec(0, "c", now))
	// The first run completes one record, and the live one comes meanwhile.
	var first enginetest.Log
	hung := source(&first, startAt(engine.Start{Silent: true}))
	hung.Graph = goka.DefineGroup("s", goka.Input("src", engine.Bytes{}, engine.Callback(func(c *engine.Context, value []byte) {
		first.Add(fmt.Sprint(string(value), c.Silent()))
		if string(value) == "b" {
			<-c.Context().Done()
			c.Fail(errTest)
		}
	})))
	stop := enginetest.Run(t, engine.NewProcessor(cfg, hung).Run)
	first.Await(t, 2)
	awaitOffsets(t, cfg, "s", "src", 1)
	stop()
	enginetest.Produce(t, cfg, rec(0, "d", now))
	var seen enginetest.Log
	enginetest.Run(t, engine.NewProcessor(cfg, source(&seen, startAt(engine.Start{}))).Run)
	if got, want := seen.Await(t, 3), []string{"b(silent)", "c(silent)", "d"}; !slices.Equal(got, want) {
		t.Errorf("saw %q, want %q", got, want)
	}
	if got, want := first.Lines(), []string{"atrue", "btrue"}; !slices.Equal(got, want) {
		t.Errorf("the first run saw %q, want %q", got, want)
	}
}

func TestNotesAreKept(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, "dead")
	topics, err := kafka.OpenTopics(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer topics.Close()
	if text, ok, err := topics.Note("note", "dead"); ok || err != nil {
		t.Errorf("there is a note %q, %v before any was written", text, err)
	}
	for _, want := range []string{"하나", "둘"} {
		if err := topics.SetNote("note", "dead", want); err != nil {
			t.Fatal(err)
		}
		if got, ok, err := topics.Note("note", "dead"); got != want || !ok || err != nil {
			t.Errorf("the note is %q, %t, %v, want %q", got, ok, err, want)
		}
	}
}
