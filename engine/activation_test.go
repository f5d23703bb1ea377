package engine

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/kafkatest"
)

// partOf is the session of a member that has some partitions of "src".
type partOf struct {
	sarama.ConsumerGroupSession
	ctx    context.Context
	claims []int32
	marked map[int32]int64
}

func (s *partOf) Context() context.Context                                { return s.ctx }
func (s *partOf) Claims() map[string][]int32                              { return map[string][]int32{"src": s.claims} }
func (s *partOf) MemberID() string                                        { return "" }
func (s *partOf) GenerationID() int32                                     { return -1 }
func (s *partOf) MarkOffset(_ string, p int32, offset int64, meta string) { s.marked[p] = offset }

// A member without partition 0 decides nothing, and waits for the one that has it.
func TestOnlyTheOwnerOfPartition0Activates(t *testing.T) {
	t.Parallel()
	cfg := kafka.Config{Brokers: kafkatest.Embedded(t), Logger: slog.New(slog.DiscardHandler)}
	topics, err := kafka.OpenTopics(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer topics.Close()
	if err := kafkatest.Admin(t, cfg.Brokers).CreateTopic("src", &sarama.TopicDetail{NumPartitions: 3, ReplicationFactor: 1}, false); err != nil {
		t.Fatal(err)
	}
	kafkatest.Produce(t, cfg.Brokers, &sarama.ProducerMessage{Topic: "src", Partition: 2, Value: sarama.StringEncoder("old")})
	infos, err := topics.Info("src")
	if err != nil {
		t.Fatal(err)
	}
	activate := func(ctx context.Context, start func(*kafka.Topics) (Start, error), claims ...int32) (map[int32]int64, error) {
		s := &partOf{ctx: ctx, claims: claims, marked: map[int32]int64{}}
		g := &group{name: "s", inputs: []string{"src"}, topics: topics, Group: Group{Start: start}, log: cfg.Logger}
		return s.marked, g.activate(s, infos)
	}
	never := func(*kafka.Topics) (Start, error) {
		t.Error("a member without partition 0 decides")
		return Start{}, nil
	}
	// Its session ends while it waits.
	ended, end := context.WithTimeout(t.Context(), 3*activationPoll)
	defer end()
	if marked, err := activate(ended, never, 1, 2); !errors.Is(err, context.DeadlineExceeded) || len(marked) != 0 {
		t.Errorf("began at %v, %v, although nobody has activated", marked, err)
	}

	type answer struct {
		marked map[int32]int64
		err    error
	}
	waited := make(chan answer, 1)
	go func() {
		marked, err := activate(t.Context(), never, 1, 2)
		waited <- answer{marked, err}
	}()
	if marked, err := activate(t.Context(), func(*kafka.Topics) (Start, error) { return Start{At: AtEnd}, nil }, 0); err != nil || marked[0] != 0 {
		t.Errorf("the owner begins at %v, %v", marked, err)
	}
	select {
	case got := <-waited:
		if got.err != nil || len(got.marked) != 2 || got.marked[1] != 0 || got.marked[2] != 1 {
			t.Errorf("who waited begins at %v, %v", got.marked, got.err)
		}
	case <-time.After(activationWait):
		t.Error("it waits for ever")
	}
}
