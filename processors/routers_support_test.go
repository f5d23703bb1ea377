package processors_test

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/processors"
	"github.com/belfry/belfry/sources"
)

// scripted are rules whose records say themselves what they are for whom: a
// list of recipients, the last of whom is the title.
type scripted func(sources.Record) error

func (s scripted) Route(r sources.Record) ([]sources.Delivery, error) {
	if err := s(r); err != nil {
		return nil, err
	}
	var words []string
	if err := json.Unmarshal(r.Value, &words); err != nil {
		return nil, &belfry.FieldError{Problem: err.Error()}
	}
	if len(words) < 2 {
		return nil, nil
	}
	n := belfry.Notification{
		ID: fmt.Sprintf("%x/%d/%d", r.TopicID, r.Partition, r.Offset), Source: r.Topic, Title: belfry.PlainText(words[len(words)-1]),
	}
	return []sources.Delivery{{Rule: "by-list", Recipients: words[:len(words)-1], Record: inbox.Record{
		Kind: inbox.KindNotify, Notification: n, Rule: "by-list",
		Origin: inbox.Origin{TopicID: r.TopicID, Partition: r.Partition, Rule: 1, Offset: r.Offset},
	}}}, nil
}

func always() scripted { return func(sources.Record) error { return nil } }

func latest(time.Time) engine.Start { return engine.Start{At: engine.AtEnd} }

func named(topic string) processors.Source {
	return processors.Source{Topic: topic, Start: latest, Rules: always()}
}

func matching(pattern string) processors.Source {
	re := regexp.MustCompile("^(?:" + pattern + ")$")
	return processors.Source{Pattern: pattern, Matches: re.MatchString, Start: latest, Rules: always()}
}

// routing is a set of routers that run.
type routing struct {
	*processors.Routers
	metrics *prometheus.Registry
	stop    func()
}

func route(t *testing.T, cfg kafka.Config, all ...processors.Source) *routing {
	t.Helper()
	dead, err := engine.OpenDeadLetters(cfg, prefix.DeadLetters())
	if err != nil {
		t.Fatal(err)
	}
	r := &routing{metrics: prometheus.NewRegistry()}
	r.Routers = processors.NewRouters(cfg, processors.Deps{Prefix: prefix, DeadLetters: dead, Metrics: processors.NewMetrics(r.metrics), Log: cfg.Logger}, 50*time.Millisecond)
	r.Set(all)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := r.Run(ctx); err != nil {
			t.Errorf("routers ended with %v", err)
		}
	})
	r.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		if err := dead.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(r.stop)
	return r
}

// phase is that of the router of a topic, "" without one.
func (r *routing) phase(topic string) engine.Phase {
	for _, s := range r.Status() {
		if s.Name == "processor "+prefix.RouterGroup(topic) {
			return s.Phase
		}
	}
	return ""
}

func (r *routing) await(t *testing.T, topic string, want engine.Phase) {
	t.Helper()
	await.Eventually(t, patience, func() string { return fmt.Sprintf("%s is %q, want %q: %v", topic, r.phase(topic), want, r.Status()) },
		func() bool { return r.phase(topic) == want })
}

// awaitNoted waits until the source of that key is activated.
func awaitNoted(t *testing.T, cfg kafka.Config, source string) {
	t.Helper()
	topics, err := kafka.OpenTopics(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer topics.Close()
	await.Eventually(t, patience, func() string { return source + " is not activated" }, func() bool {
		_, ok, err := topics.Note(prefix.SourceGroup(source), prefix.DeadLetters())
		return err == nil && ok
	})
}

func createSource(t *testing.T, cfg kafka.Config, partitions int32, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := admin(t, cfg).CreateTopic(name, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1}, false); err != nil {
			t.Fatalf("create %s: %v", name, err)
		}
	}
}

// to is a record for recipients, of whom the last is the title.
func to(topic string, words ...string) *sarama.ProducerMessage {
	value, _ := json.Marshal(words)
	return &sarama.ProducerMessage{Topic: topic, Value: sarama.ByteEncoder(value)}
}

// journal gives the first n records of the journal as "recipient title", with
// "(silent)" after it.
func journal(t *testing.T, cfg kafka.Config, n int) []string {
	t.Helper()
	var out []string
	for _, m := range consume(t, cfg, prefix.Journal(), n) {
		out = append(out, describe(t, m))
	}
	return out
}
