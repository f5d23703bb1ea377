// Package enginetest holds what tests of the engine, its rooms and of those who
// set records aside share: an embedded broker with topics, a group whose callback
// is given, dead letters, and conditions to wait for. It imports engine and its
// rooms and deadletter/replay, and fails tests by itself. Begin reading with [Config].
package enginetest

import (
	"context"
	"hash"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"

	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/kafkatest"
)

// Patience is how long a condition may take on a busy machine, where real
// brokers start and stop beside.
const Patience = await.Patience

func Config(t *testing.T) kafka.Config {
	t.Helper()
	return kafka.Config{
		Brokers: kafkatest.Embedded(t), StateDir: t.TempDir(), Logger: slog.New(slog.DiscardHandler),
		SessionTimeout: 6 * time.Second,
	}
}

func CreateTopics(t *testing.T, cfg kafka.Config, partitions int32, names ...string) {
	t.Helper()
	a := Admin(t, cfg)
	for _, name := range names {
		if err := a.CreateTopic(name, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1}, false); err != nil {
			t.Fatalf("create topic %s: %v", name, err)
		}
	}
}

func Recreate(t *testing.T, cfg kafka.Config, partitions int32, name string) {
	t.Helper()
	if err := Admin(t, cfg).DeleteTopic(name); err != nil {
		t.Fatalf("delete topic %s: %v", name, err)
	}
	CreateTopics(t, cfg, partitions, name)
}

// Text is a record for partition 0.
func Text(topic, key, value string) *sarama.ProducerMessage {
	return &sarama.ProducerMessage{Topic: topic, Key: sarama.StringEncoder(key), Value: sarama.StringEncoder(value)}
}

// Committed gives the group's offset in partition 0, -1 without one.
func Committed(t *testing.T, cfg kafka.Config, group, topic string) int64 {
	t.Helper()
	response, err := Admin(t, cfg).ListConsumerGroupOffsets(group, map[string][]int32{topic: {0}})
	if err != nil {
		t.Fatalf("offsets of %s: %v", group, err)
	}
	return response.GetBlock(topic, 0).Offset
}

// Run runs something until the returned function is called or the test ends.
func Run(t *testing.T, f func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("run returned %v", err)
			}
		case <-time.After(Patience):
			t.Error("it does not stop")
		}
	})
	t.Cleanup(stop)
	return stop
}

type Supervised interface{ Status() engine.Status }

func AwaitPhase(t *testing.T, s Supervised, want engine.Phase) {
	t.Helper()
	await.Eventually(t, Patience, func() string { return s.Status().String() + ", want " + string(want) },
		func() bool { return s.Status().Phase == want })
}

// Log is what callbacks have seen.
type Log struct {
	mu  sync.Mutex
	all []string
}

func (l *Log) Add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, line)
}

func (l *Log) Lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.all...)
}

// Await waits until the callbacks have seen n records and gives them.
func (l *Log) Await(t *testing.T, n int) []string {
	t.Helper()
	await.Eventually(t, Patience, func() string { return "callbacks saw only " + Join(l.Lines()) }, func() bool { return len(l.Lines()) >= n })
	return l.Lines()
}

func Join(lines []string) string {
	out := ""
	for _, l := range lines {
		out += l + " "
	}
	return out
}

// Holding is a goka.Producer that keeps writes of one key until they are
// failed, as a slow broker would.
type Holding struct {
	goka.Producer
	Key string

	mu   sync.Mutex
	held []func(error)
}

func (h *Holding) EmitWithHeaders(topic, key string, value []byte, headers goka.Headers) *goka.Promise {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.Key != "" && key == h.Key {
		promise, finish := goka.NewPromiseWithFinisher()
		h.held = append(h.held, func(err error) { finish(nil, err) })
		return promise
	}
	return h.Producer.EmitWithHeaders(topic, key, value, headers)
}

// Fail fails what is held and holds nothing from now on.
func (h *Holding) Fail(err error) {
	h.mu.Lock()
	held := h.held
	h.held, h.Key = nil, ""
	h.mu.Unlock()
	for _, f := range held {
		f(err)
	}
}

// Option has a processor write through h, its rebuilt forms too.
func (h *Holding) Option() goka.ProcessorOption {
	return goka.WithProducerBuilder(func(brokers []string, id string, hasher func() hash.Hash32) (goka.Producer, error) {
		p, err := goka.ProducerBuilderWithConfig(goka.DefaultConfig())(brokers, id, hasher)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.Producer = p
		return &attempt{h, p}, err
	})
}

// attempt closes the producer of its own attempt.
type attempt struct {
	*Holding
	own goka.Producer
}

func (a *attempt) Close() error { return a.own.Close() }

func Admin(t *testing.T, cfg kafka.Config) sarama.ClusterAdmin {
	return kafkatest.Admin(t, cfg.Brokers)
}

func Produce(t *testing.T, cfg kafka.Config, messages ...*sarama.ProducerMessage) {
	t.Helper()
	kafkatest.Produce(t, cfg.Brokers, messages...)
}

// Consume gives the first n records of partition 0.
func Consume(t *testing.T, cfg kafka.Config, topic string, n int) []*sarama.ConsumerMessage {
	t.Helper()
	return kafkatest.Consume(t, cfg.Brokers, topic, n, 0)
}
