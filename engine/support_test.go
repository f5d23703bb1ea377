package engine_test

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
	"github.com/belfry/belfry/internal/kafkatest"
)

// patience is how long a condition may take on a busy machine, where real
// brokers start and stop beside.
const patience = time.Minute

func config(t *testing.T) engine.Config {
	t.Helper()
	return engine.Config{
		Brokers: kafkatest.Embedded(t), StateDir: t.TempDir(), Logger: slog.New(slog.DiscardHandler),
		SessionTimeout: 6 * time.Second,
	}
}

func createTopics(t *testing.T, cfg engine.Config, partitions int32, names ...string) {
	t.Helper()
	a := admin(t, cfg)
	for _, name := range names {
		if err := a.CreateTopic(name, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1}, false); err != nil {
			t.Fatalf("create topic %s: %v", name, err)
		}
	}
}

func recreate(t *testing.T, cfg engine.Config, partitions int32, name string) {
	t.Helper()
	if err := admin(t, cfg).DeleteTopic(name); err != nil {
		t.Fatalf("delete topic %s: %v", name, err)
	}
	createTopics(t, cfg, partitions, name)
}

// text is a record for partition 0.
func text(topic, key, value string) *sarama.ProducerMessage {
	return &sarama.ProducerMessage{Topic: topic, Key: sarama.StringEncoder(key), Value: sarama.StringEncoder(value)}
}

// committed gives the group's offset in partition 0, -1 without one.
func committed(t *testing.T, cfg engine.Config, group, topic string) int64 {
	t.Helper()
	response, err := admin(t, cfg).ListConsumerGroupOffsets(group, map[string][]int32{topic: {0}})
	if err != nil {
		t.Fatalf("offsets of %s: %v", group, err)
	}
	return response.GetBlock(topic, 0).Offset
}

// run runs something until the returned function is called or the test ends.
func run(t *testing.T, f func(context.Context) error) (stop func()) {
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
		case <-time.After(patience):
			t.Error("it does not stop")
		}
	})
	t.Cleanup(stop)
	return stop
}

type supervised interface{ Status() engine.Status }

func awaitPhase(t *testing.T, s supervised, want engine.Phase) {
	t.Helper()
	kafkatest.Eventually(t, patience, func() string { return s.Status().String() + ", want " + string(want) },
		func() bool { return s.Status().Phase == want })
}

// log is what callbacks have seen.
type log struct {
	mu  sync.Mutex
	all []string
}

func (l *log) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, line)
}

func (l *log) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.all...)
}

// await waits until the callbacks have seen n records and gives them.
func (l *log) await(t *testing.T, n int) []string {
	t.Helper()
	kafkatest.Eventually(t, patience, func() string { return "callbacks saw only " + join(l.lines()) }, func() bool { return len(l.lines()) >= n })
	return l.lines()
}

func join(lines []string) string {
	out := ""
	for _, l := range lines {
		out += l + " "
	}
	return out
}

// holding is a goka.Producer that keeps writes of one key until they are
// failed, as a slow broker would.
type holding struct {
	goka.Producer
	key string

	mu   sync.Mutex
	held []func(error)
}

func (h *holding) EmitWithHeaders(topic, key string, value []byte, headers goka.Headers) *goka.Promise {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.key != "" && key == h.key {
		promise, finish := goka.NewPromiseWithFinisher()
		h.held = append(h.held, func(err error) { finish(nil, err) })
		return promise
	}
	return h.Producer.EmitWithHeaders(topic, key, value, headers)
}

// fail fails what is held and holds nothing from now on.
func (h *holding) fail(err error) {
	h.mu.Lock()
	held := h.held
	h.held, h.key = nil, ""
	h.mu.Unlock()
	for _, f := range held {
		f(err)
	}
}

// option has a processor write through h, its rebuilt forms too.
func (h *holding) option() goka.ProcessorOption {
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
	*holding
	own goka.Producer
}

func (a *attempt) Close() error { return a.own.Close() }

func admin(t *testing.T, cfg engine.Config) sarama.ClusterAdmin {
	return kafkatest.Admin(t, cfg.Brokers)
}

func produce(t *testing.T, cfg engine.Config, messages ...*sarama.ProducerMessage) {
	t.Helper()
	kafkatest.Produce(t, cfg.Brokers, messages...)
}

// consume gives the first n records of partition 0.
func consume(t *testing.T, cfg engine.Config, topic string, n int) []*sarama.ConsumerMessage {
	t.Helper()
	return kafkatest.Consume(t, cfg.Brokers, topic, n, 0)
}
