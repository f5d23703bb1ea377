package engine_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/enginetest"
	"github.com/belfry/belfry/internal/kafkatest"
)

// staticMember is one process of group "g" with an instance id.
type staticMember struct {
	*engine.Processor
	sessions atomic.Int64
	seen     enginetest.Log
}

func newStaticMember(t *testing.T, brokers []string, id string) *staticMember {
	m := &staticMember{}
	g := enginetest.Group(func(c *engine.Context, _ []byte) { m.seen.Add(fmt.Sprintf("%d:%s", c.Partition(), c.Key())) })
	g.OnSession = func(map[string]kafka.TopicInfo) { m.sessions.Add(1) }
	m.Processor = engine.NewProcessor(kafka.Config{
		Brokers: brokers, StateDir: t.TempDir(), Logger: slog.New(slog.DiscardHandler),
		InstanceID: id, SessionTimeout: staticTimeout,
	}, g)
	return m
}

// staticTimeout is the shortest that brokers take.
const staticTimeout = 6 * time.Second

// assignment is who of group "g" has what, by client host and partition count:
// instance ids are in the member ids.
func assignment(t *testing.T, cfg kafka.Config) map[string][]int32 {
	t.Helper()
	groups, err := enginetest.Admin(t, cfg).DescribeConsumerGroups([]string{"g"})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]int32{}
	for _, m := range groups[0].Members {
		a, err := m.GetMemberAssignment()
		if err != nil || a == nil || m.GroupInstanceId == nil {
			continue
		}
		out[*m.GroupInstanceId] = slices.Sorted(slices.Values(a.Topics["in"]))
	}
	return out
}

// A static member that is back within the session time-out moves nothing; one
// that stays away loses its partitions; two with one id are told.
func TestStaticMembers(t *testing.T) {
	if testing.Short() {
		t.Skip("needs real Kafka and waits for session time-outs")
	}
	t.Parallel()
	brokers := kafkatest.Start(t, kafkatest.Config{}).Brokers()
	cfg := kafka.Config{Brokers: brokers, Logger: slog.New(slog.DiscardHandler)}
	enginetest.CreateTopics(t, cfg, 4, "in", "g-table")
	a, b := newStaticMember(t, brokers, "a"), newStaticMember(t, brokers, "b")
	stopA := enginetest.Run(t, a.Run)
	enginetest.Run(t, b.Run)
	both := func() bool {
		got := assignment(t, cfg)
		return len(got["a"]) == 2 && len(got["b"]) == 2 && a.Status().Phase == engine.Running && b.Status().Phase == engine.Running
	}
	await.Eventually(t, enginetest.Patience, func() string { return fmt.Sprint(assignment(t, cfg)) }, both)
	before, sessions := assignment(t, cfg), b.sessions.Load()

	stopA()
	again := newStaticMember(t, brokers, "a")
	stopA = enginetest.Run(t, again.Run)
	await.Eventually(t, enginetest.Patience, func() string { return again.Status().String() },
		func() bool { return again.Status().Phase == engine.Running })
	for p := range int32(4) {
		enginetest.Produce(t, cfg, enginetest.On(p, &sarama.ProducerMessage{Topic: "in", Key: sarama.StringEncoder("k"), Value: sarama.StringEncoder("x")}))
	}
	again.seen.Await(t, 2)
	b.seen.Await(t, 2)
	if after := assignment(t, cfg); !maps.EqualFunc(before, after, slices.Equal) {
		t.Errorf("a restart moved partitions: %v, then %v", before, after)
	}
	if got := b.sessions.Load(); got != sessions {
		t.Errorf("a restart of another made %d new sessions", got-sessions)
	}

	stopA()
	await.Eventually(t, enginetest.Patience, func() string { return fmt.Sprint(assignment(t, cfg)) },
		func() bool { return len(assignment(t, cfg)["b"]) == 4 })

	taken := newStaticMember(t, brokers, "c")
	fenced := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { fenced <- taken.Run(ctx) }() // awaited below
	await.Eventually(t, enginetest.Patience, func() string { return taken.Status().String() },
		func() bool { return taken.Status().Phase == engine.Running })
	twin := newStaticMember(t, brokers, "c")
	enginetest.Run(t, twin.Run)
	select {
	case err := <-fenced:
		if !errors.Is(err, engine.ErrFenced) {
			t.Errorf("the first of two with one id ended with %v", err)
		}
	case <-time.After(enginetest.Patience):
		t.Error("two processes with one id go on")
	}
	await.Eventually(t, enginetest.Patience, func() string { return twin.Status().String() },
		func() bool { return twin.Status().Phase == engine.Running })
}
