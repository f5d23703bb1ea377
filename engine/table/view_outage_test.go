package table_test

import (
	"context"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/enginetest"
	"github.com/belfry/belfry/internal/kafkatest"
)

// A long outage shows in the state, reads and the known lag go on, and the view
// needs nobody to go on after it.
func TestViewLivesThroughALongOutage(t *testing.T) {
	t.Parallel()
	k, cfg := keep(t)
	enginetest.CreateTopics(t, cfg, 1, "rows")
	enginetest.Produce(t, cfg, enginetest.Text("rows", "a", "1"))
	applied := make(chan struct{})
	v := table.NewView(cfg, table.Definition{Topic: "rows", Changed: func(string, []byte) { <-applied }})
	enginetest.Run(t, v.Run)
	enginetest.AwaitStored(t, v, 1)
	enginetest.Produce(t, cfg, enginetest.Text("rows", "a", "2"), enginetest.Text("rows", "a", "3"))
	await.Eventually(t, enginetest.Patience, func() string { return "it does not see that it is behind" }, func() bool { return v.Lag() == 2 })
	k.stop()
	if lag := v.Lag(); lag != 2 {
		t.Errorf("lag %d without brokers, want 2 as before", lag)
	}
	close(applied)
	enginetest.AwaitValue(t, v, "a", "3")
	enginetest.AwaitPhase(t, v, engine.Reconnecting)
	if !v.Recovered() || v.Status().Restarts != 0 {
		t.Errorf("after a while without brokers: recovered %t, %v", v.Recovered(), v.Status())
	}
	k.start()
	enginetest.Produce(t, cfg, enginetest.Text("rows", "a", "4"))
	enginetest.AwaitValue(t, v, "a", "4")
	enginetest.AwaitPhase(t, v, engine.Running)
}

// A view may start before its brokers do.
func TestViewWaitsForItsBrokers(t *testing.T) {
	t.Parallel()
	k, cfg := keep(t)
	enginetest.CreateTopics(t, cfg, 1, "rows")
	enginetest.Produce(t, cfg, enginetest.Text("rows", "a", "1"))
	k.stop()
	v := table.NewView(cfg, table.Definition{Topic: "rows"})
	enginetest.Run(t, v.Run)
	enginetest.AwaitPhase(t, v, engine.Reconnecting)
	if v.Recovered() {
		t.Error("recovered without brokers")
	}
	k.start()
	enginetest.AwaitPhase(t, v, engine.Running)
	enginetest.AwaitValue(t, v, "a", "1")
}

// onKafka runs a view on real brokers and returns how to write to it and wait
// until it shows.
func onKafka(t *testing.T, nodes int) (*kafkatest.Cluster, *table.View, func(after string)) {
	t.Helper()
	if testing.Short() {
		t.Skip("real Kafka in -short")
	}
	cluster := kafkatest.Start(t, kafkatest.Config{Nodes: nodes})
	cfg := enginetest.Config(t)
	cfg.Brokers = cluster.Brokers()
	detail := &sarama.TopicDetail{NumPartitions: 3, ReplicationFactor: int16(nodes)}
	if err := enginetest.Admin(t, cfg).CreateTopic("rows", detail, false); err != nil {
		t.Fatal(err)
	}
	v := table.NewView(cfg, table.Definition{Topic: "rows"})
	enginetest.Run(t, v.Run)
	// As Java's, its partitioner is that of Belfry.
	writer, err := kgo.NewClient(kgo.SeedBrokers(cfg.Brokers...), kgo.DialTimeout(time.Second), kgo.RequestTimeoutOverhead(time.Second),
		kgo.ProduceRequestTimeout(time.Second), kgo.MetadataMinAge(100*time.Millisecond), kgo.AlwaysRetryEOF())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(writer.Close)
	return cluster, v, func(after string) {
		t.Helper()
		value := time.Now().Format(time.RFC3339Nano)
		keys := []string{"a", "b", "c", "d", "e", "f"}
		var records []*kgo.Record
		for _, key := range keys {
			records = append(records, &kgo.Record{Topic: "rows", Key: []byte(key), Value: []byte(value)})
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*enginetest.Patience)
		defer cancel()
		if err := writer.ProduceSync(ctx, records...).FirstErr(); err != nil {
			t.Fatalf("after %s: write: %v", after, err)
		}
		written := time.Now()
		for _, key := range keys {
			enginetest.AwaitValue(t, v, key, value)
		}
		t.Logf("after %s: read %v after all was written", after, time.Since(written).Round(time.Millisecond))
	}
}

// Real brokers that hang, die and come back.
func TestViewLivesThroughOutagesOfKafkaNodes(t *testing.T) {
	cluster, v, write := onKafka(t, 3)
	write("the start")
	// A node that had not heard of the topic may have been asked first.
	before := v.Status().Restarts
	cluster.Pause(1)
	write("one hangs")
	cluster.Resume(1)
	write("it went on")
	cluster.Kill(2)
	write("one was killed")
	cluster.Up(2)
	for id := 1; id <= 3; id++ {
		cluster.Pause(id)
	}
	enginetest.AwaitPhase(t, v, engine.Reconnecting)
	for id := 1; id <= 3; id++ {
		cluster.Resume(id)
	}
	write("all had hung")
	enginetest.AwaitPhase(t, v, engine.Running)
	if v.Status().Restarts != before {
		t.Errorf("it was built anew: %v", v.Status())
	}
}

func TestViewLivesThroughOutagesOfKafka(t *testing.T) {
	cluster, v, write := onKafka(t, 1)
	write("the start")
	before := v.Status().Restarts
	cluster.Kill(1)
	enginetest.AwaitPhase(t, v, engine.Reconnecting)
	if got, err := v.Get("a"); got == nil || err != nil {
		t.Errorf("without brokers: %q, %v", got, err)
	}
	cluster.Up(1)
	write("it was killed")
	cluster.Pause(1)
	enginetest.AwaitPhase(t, v, engine.Reconnecting)
	cluster.Resume(1)
	write("it hung")
	enginetest.AwaitPhase(t, v, engine.Running)
	if v.Status().Restarts != before {
		t.Errorf("it was built anew: %v", v.Status())
	}
}
