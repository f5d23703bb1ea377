package engine_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/internal/enginetest"
)

const prefix = belfry.Prefix("t")

func TestEnsureCreatesWithExactSettings(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	topics := enginetest.OpenTopicsOn(t, cfg)
	specs := prefix.Topics(3)
	changes, err := topics.Ensure(t.Context(), specs, 0)
	if err != nil || len(changes) != len(specs) {
		t.Fatalf("Ensure: %v, %v", changes, err)
	}
	if got, want := string(changes[0]), "created t.notifications with 3 partitions, replication 1"; got != want {
		t.Errorf("change %q, want %q", got, want)
	}
	a := enginetest.Admin(t, cfg)
	for _, spec := range specs {
		infos, err := topics.Info(spec.Name)
		if err != nil || infos[spec.Name].Partitions != 3 {
			t.Errorf("%s: %v, %v", spec.Name, infos, err)
		}
		described, err := a.DescribeConfigs([]*sarama.ConfigResource{{Type: sarama.TopicResource, Name: spec.Name}}, sarama.DescribeConfigsOptions{})
		if err != nil || len(described) != 1 {
			t.Fatalf("describe %s: %v, %v", spec.Name, described, err)
		}
		got := map[string]string{}
		for _, e := range described[0].Configs {
			got[e.Name] = e.Value
		}
		for k, want := range spec.Config {
			if got[k] != want {
				t.Errorf("%s has %s=%q, want %q", spec.Name, k, got[k], want)
			}
		}
	}
	if changes, err := topics.Ensure(t.Context(), specs, 0); err != nil || len(changes) != 0 {
		t.Errorf("Ensure again: %v, %v, want nothing to do", changes, err)
	}
}

func TestEnsureFromTwoSidesAtOnce(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	specs := prefix.Topics(2)
	type result struct {
		changes []kafka.Change
		err     error
	}
	results := make(chan result)
	for range 2 {
		topics := enginetest.OpenTopicsOn(t, cfg)
		go func() {
			changes, err := topics.Ensure(t.Context(), specs, 0)
			results <- result{changes, err}
		}()
	}
	created := 0
	for range 2 {
		r := <-results
		if r.err != nil {
			t.Error(r.err)
		}
		created += len(r.changes)
	}
	if created != len(specs) {
		t.Errorf("created %d topics, want %d", created, len(specs))
	}
}

// Nothing is created beside a topic that is not as it must be.
func TestEnsureChecksAllBeforeItCreates(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	topics := enginetest.OpenTopicsOn(t, cfg)
	wrong := prefix.Topics(3)
	last := len(wrong) - 1
	wrong[last].Partitions = 5
	if _, err := topics.Ensure(t.Context(), wrong[last:], 0); err != nil {
		t.Fatal(err)
	}
	changes, err := topics.Ensure(t.Context(), prefix.Topics(3), 0)
	if !errors.Is(err, kafka.ErrTopic) || len(changes) != 0 {
		t.Errorf("ensure: %v, %v, want an error and no change", changes, err)
	}
	if all, err := topics.Existing(); err != nil || len(all) != 1 {
		t.Errorf("there are the topics %v, %v, want the wrong one alone", all, err)
	}
}

func TestVerifyNamesEveryMismatchAndTheFix(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	topics := enginetest.OpenTopicsOn(t, cfg)
	specs := prefix.Topics(3)
	wrong := prefix.Topics(3)
	wrong[0].Partitions = 5
	wrong[1].Config["retention.ms"] = "1000"
	delete(wrong[1].Config, "message.timestamp.type")
	if _, err := topics.Ensure(t.Context(), wrong, 0); err != nil {
		t.Fatal(err)
	}
	_, err := topics.Ensure(t.Context(), specs, 0)
	if !errors.Is(err, kafka.ErrTopic) {
		t.Fatalf("Ensure: %v, want one that matches ErrTopic", err)
	}
	for _, want := range []string{
		"t.notifications has 5 partitions, not 3", "--partitions 5", "--prefix",
		"\nt.journal has message.timestamp.type=\"CreateTime\", not \"LogAppendTime\"; retention.ms=\"1000\", not \"604800000\": ",
		"kafka-configs --alter --topic t.journal --add-config message.timestamp.type=LogAppendTime,retention.ms=604800000 --bootstrap-server " + cfg.Brokers[0],
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
	for _, other := range specs[2:] {
		if strings.Contains(err.Error(), other.Name+" ") {
			t.Errorf("error %q names %s, which is as it must be", err, other.Name)
		}
	}
	if err := topics.Verify(wrong); err != nil {
		t.Errorf("Verify of what is there: %v", err)
	}
}

func TestMissingTopicsAreNamed(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	topics := enginetest.OpenTopicsOn(t, cfg)
	enginetest.CreateTopics(t, cfg, 1, "there")
	_, err := topics.Info("there", "gone")
	if want := `gone does not exist: create it with "belfry topics"`; !errors.Is(err, kafka.ErrTopic) || !strings.Contains(err.Error(), want) {
		t.Errorf("Info: %v, want %q", err, want)
	}
	err = topics.Verify([]belfry.TopicSpec{{Name: "gone", Partitions: 1}})
	if !errors.Is(err, kafka.ErrTopic) {
		t.Errorf("Verify: %v", err)
	}
	if names, err := enginetest.Admin(t, cfg).ListTopics(); err != nil || len(names) != 1 {
		t.Errorf("looking up made topics: %v, %v", names, err)
	}
}

func TestProcessorAndViewNameTheMissingTopic(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 2, "in")
	p := engine.NewProcessor(cfg, enginetest.Group(func(*engine.Context, []byte) {}))
	v := table.NewView(cfg, table.Definition{Topic: "rows"})
	enginetest.Run(t, p.Run)
	enginetest.Run(t, v.Run)
	for s, missing := range map[enginetest.Supervised]string{p: "g-table", v: "rows"} {
		enginetest.AwaitPhase(t, s, engine.Failed)
		if err := s.Status().Err; !errors.Is(err, kafka.ErrTopic) || !strings.Contains(err.Error(), missing+" does not exist") {
			t.Errorf("error %v does not name %s", err, missing)
		}
	}
	// Missing topics are found when they come.
	enginetest.CreateTopics(t, cfg, 2, "g-table", "rows")
	enginetest.AwaitPhase(t, p, engine.Running)
	enginetest.AwaitPhase(t, v, engine.Running)
}

func TestTableOfAnotherSizeIsRefused(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 2, "in")
	enginetest.CreateTopics(t, cfg, 3, "g-table")
	p := engine.NewProcessor(cfg, enginetest.Group(func(*engine.Context, []byte) {}))
	enginetest.Run(t, p.Run)
	enginetest.AwaitPhase(t, p, engine.Failed)
	if want := "g-table has 3 partitions, its inputs have 2"; !strings.Contains(p.Status().Err.Error(), want) {
		t.Errorf("error %v does not say %q", p.Status().Err, want)
	}
}

func TestUnreachableBrokerIsNamed(t *testing.T) {
	t.Parallel()
	_, err := kafka.OpenTopics(kafka.Config{Brokers: []string{"127.0.0.1:1"}})
	if want := "connect to kafka at 127.0.0.1:1: "; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v does not say %q", err, want)
	}
	if err != nil && strings.Contains(err.Error(), "\n") {
		t.Errorf("error of several lines: %q", err)
	}
}

func TestTopicIDTellsIncarnationsApart(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	topics := enginetest.OpenTopicsOn(t, cfg)
	enginetest.CreateTopics(t, cfg, 2, "a", "b")
	id := func() kafka.TopicID {
		infos, err := topics.Info("a")
		if err != nil {
			t.Fatal(err)
		}
		return infos["a"].ID
	}
	first := id()
	if again := id(); again != first || first == (kafka.TopicID{}) {
		t.Errorf("topic ID %x, then %x", first, again)
	}
	if infos, err := topics.Info("a", "b"); err != nil || infos["a"].ID == infos["b"].ID {
		t.Errorf("two topics: %v, %v", infos, err)
	}
	enginetest.Recreate(t, cfg, 2, "a")
	if second := id(); second == first {
		t.Errorf("topic ID %x after recreation, the same as before", second)
	}
}

func TestEpochIsNeverZero(t *testing.T) {
	for _, tt := range []struct {
		id   kafka.TopicID
		want uint32
	}{
		{kafka.TopicID{}, 1},
		{kafka.TopicID{4: 0xff}, 1},
		{kafka.TopicID{3: 1}, 1},
		{kafka.TopicID{0x80, 0, 0, 2, 9}, 0x80000002},
		{kafka.TopicID{0xff, 0xff, 0xff, 0xff}, 0xffffffff},
	} {
		t.Run(fmt.Sprintf("%x", tt.id[:5]), func(t *testing.T) {
			if got := tt.id.Epoch(); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

// Advice names a command that runs as it is printed, and none for a topic of others.
func TestAdviceOnMissingTopics(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	cfg.Prefix = "staging"
	topics := enginetest.OpenTopicsOn(t, cfg)
	create := fmt.Sprintf("belfry topics --brokers %s --prefix staging", strings.Join(cfg.Brokers, ","))
	_, listed := topics.Info("staging.journal")
	_, one := topics.InfoOf(t.Context(), "staging.journal")
	_, _, ranges := kafka.LogRanges(t.Context(), cfg, "staging.journal")
	scanned := table.Scan(t.Context(), cfg, "staging.journal", 0, func(*sarama.ConsumerMessage) error { return nil })
	for name, err := range map[string]error{"Info": listed, "InfoOf": one, "LogRanges": ranges, "Scan": scanned} {
		if !errors.Is(err, kafka.ErrTopic) || strings.Count(err.Error(), create) != 1 {
			t.Errorf("%s: %v, want %s", name, err, create)
		}
	}
	if _, err := topics.Info("orders"); !errors.Is(err, kafka.ErrTopic) || strings.Contains(err.Error(), "belfry topics") {
		t.Errorf("a topic of others: %v", err)
	}
}

func TestFactsOfTopics(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 3, "orders", "events")
	enginetest.Produce(t, cfg, enginetest.Text("orders", "a", "1"), enginetest.Text("orders", "a", "2"))
	facts, err := kafka.DescribeTopics(t.Context(), cfg, []string{"orders", "absent", "events"})
	if err != nil || len(facts) != 2 || facts[0].Name != "orders" || facts[1].Name != "events" {
		t.Fatalf("got %+v, %v, want those that exist in the order of asking", facts, err)
	}
	if facts[0].Settings["cleanup.policy"] != "delete" || facts[0].Settings["retention.ms"] == "" {
		t.Errorf("settings %v", facts[0].Settings)
	}
	records := int64(0)
	for i, p := range facts[0].Partitions {
		records += p.Log.End - p.Log.Start
		if p.Leader < 0 || len(p.Replicas) != 1 || len(p.InSync) != 1 || p.Log.Stable != p.Log.End {
			t.Errorf("partition %d: %+v", i, p)
		}
	}
	if len(facts[0].Partitions) != 3 || records != 2 {
		t.Errorf("%d partitions with %d records, want 3 and 2", len(facts[0].Partitions), records)
	}
	if facts, err := kafka.DescribeTopics(t.Context(), cfg, []string{"absent"}); err != nil || len(facts) != 0 {
		t.Errorf("nothing: %v, %v", facts, err)
	}
}
