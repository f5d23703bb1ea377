package processors_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/deadletter/replay"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/enginetest"
	"github.com/belfry/belfry/processors"
	"github.com/belfry/belfry/sources/envelope"
)

// A notice goes once into each partition of the journal, the same bytes in all; where the
// capability is closed it is a dead letter, whose replay does the same.
func TestNoticesAreRoutedToEachPartition(t *testing.T) {
	t.Parallel()
	for name, features := range map[string]inbox.Features{"open": inbox.FeatureBroadcast, "closed": inbox.DefaultFeatures &^ inbox.FeatureBroadcast} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := installed(t)
			deps := processors.Deps{Prefix: prefix, DeadLetters: enginetest.OpenDead(t, cfg, prefix.DeadLetters()), Metrics: processors.NewMetrics(prometheus.NewRegistry()), Features: features}
			router := engine.NewProcessor(cfg, processors.NewRouter(deps, prefix.Notifications(), envelope.Notifications{}).Group())
			await.Running(t, router.Run)
			produce(t, cfg, event(`{"audience":"topic:news","title":"x","id":"n"}`))
			if features.Has(inbox.FeatureBroadcast) {
				wantNotice(t, cfg)
				return
			}
			m := consume(t, cfg, prefix.DeadLetters(), 1)[0]
			l, _, err := deadletter.ParseEnvelope(kafka.Headers(m))
			if err != nil || !strings.HasPrefix(l.Error, "audience: is not open here") {
				t.Errorf("the letter says %q, %v", l.Error, err)
			}
			again, err := replay.Open(replay.Config{Engine: cfg, Prefix: prefix, Rules: func(string) (replay.Rules, bool) { return envelope.Notifications{}, true }})
			if err != nil {
				t.Fatal(err)
			}
			err = again.Matching(t.Context(), deadletter.Filter{}, 0, deadletter.ReplayOptions{Apply: true}, func(o deadletter.ReplayOutcome) error {
				if o.Result != deadletter.ReplayDone {
					t.Errorf("replayed: %s %s", o.Result, o.Problem)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := again.Close(); err != nil {
				t.Error(err)
			}
			wantNotice(t, cfg)
		})
	}
}

// A scheduled notice needs both capabilities.
func TestScheduledNoticesNeedTimeAsWell(t *testing.T) {
	t.Parallel()
	cfg := installed(t)
	deps := processors.Deps{Prefix: prefix, DeadLetters: enginetest.OpenDead(t, cfg, prefix.DeadLetters()), Metrics: processors.NewMetrics(prometheus.NewRegistry()), Features: inbox.FeatureBroadcast}
	router := engine.NewProcessor(cfg, processors.NewRouter(deps, prefix.Notifications(), envelope.Notifications{}).Group())
	await.Running(t, router.Run)
	produce(t, cfg, event(`{"audience":"all","title":"x","id":"n","deliver_at":"`+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}`))
	l, _, err := deadletter.ParseEnvelope(kafka.Headers(consume(t, cfg, prefix.DeadLetters(), 1)[0]))
	if err != nil || !strings.HasPrefix(l.Error, "deliver_at: is not open here") {
		t.Errorf("the letter says %q, %v", l.Error, err)
	}
}

// wantNotice holds the journal against one notice.
func wantNotice(t *testing.T, cfg kafka.Config) {
	t.Helper()
	var keys []string
	var first string
	for _, m := range consume(t, cfg, prefix.Journal(), partitions) {
		if key := string(m.Key); key != belfry.PartitionKey(m.Partition) {
			t.Errorf("partition %d has the key %s", m.Partition, key)
		}
		keys = append(keys, string(m.Key))
		r, err := codec.DecodeJournal(m.Value)
		if err != nil || r.Audience() != "topic:news" || r.Notification.ID != "n" || r.Notification.ExpiresAt.IsZero() {
			t.Errorf("got %+v, %v", r, err)
		}
		if first == "" {
			first = string(m.Value)
		}
		if string(m.Value) != first {
			t.Errorf("partition %d has other bytes", m.Partition)
		}
	}
	if slices.Sort(keys); !slices.Equal(keys, belfry.PartitionKeys(partitions)) {
		t.Errorf("the journal has the keys %v", keys)
	}
}
