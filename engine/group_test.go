package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"

	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/enginetest"
)

var errTest = errors.New("made by the test")

// A record that writes nothing must not have the offset committed past an older
// one whose write is in flight; the completed prefix before that is committed.
func TestCommitsNeverPassAWriteInFlight(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, "in", "g-table")
	enginetest.Produce(t, cfg, enginetest.Text("in", "a", "set"), enginetest.Text("in", "b", "set"), enginetest.Text("in", "c", "ignore"), enginetest.Text("in", "d", "set"))
	hold := &enginetest.Holding{Key: "b"}
	var seen enginetest.Log
	p := engine.NewProcessor(cfg, enginetest.Group(func(c *engine.Context, value []byte) {
		seen.Add(c.Key())
		if string(value) == "set" {
			c.SetValue(value)
		}
	}, hold.Option()))
	enginetest.Run(t, p.Run)
	seen.Await(t, 4)
	await.Eventually(t, enginetest.Patience, func() string { return "offset 1 is not committed" },
		func() bool { return enginetest.Committed(t, cfg, "g", "in") == 1 })
	// The session ends with this, which commits all that may be.
	hold.Fail(errTest)
	if got, want := seen.Await(t, 7)[4:], []string{"b", "c", "d"}; !slices.Equal(got, want) {
		t.Errorf("redelivered %v, want %v", got, want)
	}
	await.Eventually(t, enginetest.Patience, func() string { return "not all is committed" },
		func() bool { return enginetest.Committed(t, cfg, "g", "in") == 4 })
	if s := p.Status(); s.Restarts != 1 || s.Err == nil {
		t.Errorf("status %v, want one restart", s)
	}
}

func TestDeferredCommitThatFailsIsReadAgain(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, "in", "g-table")
	enginetest.Produce(t, cfg, enginetest.Text("in", "a", "1"), enginetest.Text("in", "b", "2"))
	var seen enginetest.Log
	deferred := make(chan func(error), 10)
	p := engine.NewProcessor(cfg, enginetest.Group(func(c *engine.Context, _ []byte) {
		seen.Add(c.Key())
		if c.Key() == "a" {
			deferred <- c.DeferCommit()
		}
	}))
	enginetest.Run(t, p.Run)
	seen.Await(t, 2)
	(<-deferred)(errTest)
	if got, want := seen.Await(t, 4)[2:], []string{"a", "b"}; !slices.Equal(got, want) {
		t.Errorf("redelivered %v, want %v", got, want)
	}
	if got := enginetest.Committed(t, cfg, "g", "in"); got > 0 {
		t.Errorf("offset %d was committed past a failed one", got)
	}
	await.Eventually(t, enginetest.Patience, func() string { return "not all is committed" }, func() bool {
		select {
		case done := <-deferred:
			done(nil)
		default:
		}
		return enginetest.Committed(t, cfg, "g", "in") == 2
	})
}

// goka's own Fail returns while the session ends, and the record is committed.
func TestFailStopsTheCallbackDuringShutdown(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, "in", "g-table")
	enginetest.Produce(t, cfg, enginetest.Text("in", "a", "1"))
	entered := make(chan struct{})
	wentOn := make(chan struct{})
	p := engine.NewProcessor(cfg, enginetest.Group(func(c *engine.Context, _ []byte) {
		close(entered)
		<-c.Context().Done()
		c.Fail(errTest)
		close(wentOn)
	}))
	stop := enginetest.Run(t, p.Run)
	<-entered
	stop()
	select {
	case <-wentOn:
		t.Error("the callback went on after Fail")
	default:
	}
	if got := enginetest.Committed(t, cfg, "g", "in"); got > 0 {
		t.Errorf("offset %d is committed, the record is lost", got)
	}
	var seen enginetest.Log
	enginetest.Run(t, engine.NewProcessor(cfg, enginetest.Group(func(c *engine.Context, _ []byte) { seen.Add(c.Key()) })).Run)
	seen.Await(t, 1)
}

func TestFailAndPanicBuildTheProcessorAnew(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(*engine.Context){
		"fail":  func(c *engine.Context) { c.Fail(errTest) },
		"panic": func(*engine.Context) { panic(errTest) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := enginetest.Config(t)
			enginetest.CreateTopics(t, cfg, 1, "in", "g-table")
			enginetest.Produce(t, cfg, enginetest.Text("in", "a", "1"), enginetest.Text("in", "b", "2"))
			var seen enginetest.Log
			p := engine.NewProcessor(cfg, enginetest.Group(func(c *engine.Context, _ []byte) {
				seen.Add(c.Key())
				if len(seen.Lines()) == 1 {
					fail(c)
				}
			}))
			enginetest.Run(t, p.Run)
			if got, want := seen.Await(t, 3), []string{"a", "a", "b"}; !slices.Equal(got, want) {
				t.Errorf("callbacks saw %v, want %v", got, want)
			}
		})
	}
}

func TestRawRecordIsAsReceived(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, "in", "g-table")
	header := func(k, v string) sarama.RecordHeader {
		return sarama.RecordHeader{Key: []byte(k), Value: []byte(v)}
	}
	enginetest.Produce(t, cfg,
		&sarama.ProducerMessage{Topic: "in", Headers: []sarama.RecordHeader{header("z", "1"), header("a", "2"), header("z", "3")}},
		&sarama.ProducerMessage{Topic: "in", Key: sarama.StringEncoder(""), Value: sarama.StringEncoder("")})
	var seen enginetest.Log
	enginetest.Run(t, engine.NewProcessor(cfg, enginetest.Group(func(c *engine.Context, value []byte) {
		m := c.Raw()
		line := fmt.Sprintf("%s/%d/%d key=%t value=%t/%t", m.Topic, m.Partition, m.Offset, m.Key != nil, m.Value != nil, value != nil)
		for _, h := range m.Headers {
			line += fmt.Sprintf(" %s=%s", h.Key, h.Value)
		}
		seen.Add(line)
	})).Run)
	want := []string{"in/0/0 key=false value=false/false z=1 a=2 z=3", "in/0/1 key=true value=true/true"}
	if got := seen.Await(t, 2); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// member is one processor of a group and the partitions it has.
type member struct {
	*engine.Processor
	seen enginetest.Log
	mu   sync.Mutex
	own  []int32
}

func newMember(cfg kafka.Config) *member {
	m := &member{}
	m.Processor = engine.NewProcessor(cfg, enginetest.Group(func(c *engine.Context, value []byte) {
		m.seen.Add(c.Key())
		c.SetValue(value)
	}, goka.WithRebalanceCallback(func(a goka.Assignment) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.own = nil
		for p := range a {
			m.own = append(m.own, p)
		}
	})))
	return m
}

func (m *member) partitions() []int32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.own)
}

func TestMembersShareAndTakeOver(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 4, "in", "g-table")
	first := newMember(cfg)
	enginetest.Run(t, first.Run)
	enginetest.AwaitPhase(t, first, engine.Running)
	other := cfg
	other.StateDir = t.TempDir()
	second := newMember(other)
	stop := enginetest.Run(t, second.Run)
	share := func(want1, want2 int) {
		t.Helper()
		await.Eventually(t, enginetest.Patience, func() string {
			return fmt.Sprintf("partitions %v (%v) and %v (%v)", first.partitions(), first.Status(), second.partitions(), second.Status())
		}, func() bool {
			return len(first.partitions()) == want1 && first.Status().Phase == engine.Running &&
				(want2 == 0 || len(second.partitions()) == want2 && second.Status().Phase == engine.Running)
		})
	}
	total := 0
	send := func() {
		t.Helper()
		var messages []*sarama.ProducerMessage
		for p := range int32(4) {
			m := enginetest.Text("in", fmt.Sprintf("key-%d-%d", p, total), "x")
			m.Partition = p
			messages = append(messages, m)
		}
		total += len(messages)
		enginetest.Produce(t, cfg, messages...)
		await.Eventually(t, enginetest.Patience, func() string {
			return enginetest.Join(first.seen.Lines()) + "and " + enginetest.Join(second.seen.Lines())
		},
			func() bool { return len(first.seen.Lines())+len(second.seen.Lines()) >= total })
	}
	share(2, 2)
	send()
	if got := len(second.seen.Lines()); got != 2 {
		t.Errorf("the second member processed %d, want 2", got)
	}
	stop()
	share(4, 0)
	send()
	if s := first.Status(); s.Restarts != 0 {
		t.Errorf("a rebalance cost a restart: %v", s)
	}
}
