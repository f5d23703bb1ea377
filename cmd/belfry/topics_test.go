package main

import (
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/parts"
)

func TestTopicsCreatesAndVerifies(t *testing.T) {
	brokers := kafkatest.Embedded(t)
	args := []string{"topics", "--brokers", brokers[0], "--partitions", "3"}
	first := call(t, nil, args...)
	first.WantOutput(t, "created belfry.journal with 3 partitions, replication 1", "6 topics are as they must be")
	if got := strings.Count(first.Stdout, "created "); got != 6 {
		t.Errorf("%d topics created, want 6:\n%s", got, first.Stdout)
	}
	ids := topicIDs(t, brokers, belfry.DefaultPrefix)
	again := call(t, nil, args...)
	again.WantOutput(t)
	if again.Stdout != "6 topics are as they must be\n" {
		t.Errorf("the second time it printed %q", again.Stdout)
	}
	if after := topicIDs(t, brokers, belfry.DefaultPrefix); toJSON(t, after) != toJSON(t, ids) {
		t.Errorf("the topics are others now: %v, were %v", after, ids)
	}
	call(t, nil, "topics", "--brokers", brokers[0], "--prefix", "staging", "--partitions", "2").
		WantOutput(t, "created staging.journal with 2 partitions", "created staging-unread-table")

	t.Run("a missing one is created", func(t *testing.T) {
		if err := kafkatest.Admin(t, brokers).DeleteTopic("belfry.dead-letters"); err != nil {
			t.Fatal(err)
		}
		r := call(t, nil, args...)
		r.WantOutput(t, "created belfry.dead-letters")
		if strings.Count(r.Stdout, "created ") != 1 {
			t.Errorf("more was created:\n%s", r.Stdout)
		}
	})
}

func topicIDs(t *testing.T, brokers []string, prefix belfry.Prefix) map[string]kafka.TopicInfo {
	t.Helper()
	topics, err := kafka.OpenTopics(kafka.Config{Brokers: brokers})
	if err != nil {
		t.Fatal(err)
	}
	defer topics.Close()
	var names []string
	for _, s := range prefix.Topics(1) {
		names = append(names, s.Name)
	}
	infos, err := topics.Info(names...)
	if err != nil {
		t.Fatal(err)
	}
	return infos
}

func TestTopicsRefusesMismatches(t *testing.T) {
	brokers := kafkatest.Embedded(t)
	makeTopics(t, brokers)
	call(t, nil, "topics", "--brokers", brokers[0], "--partitions", "4").
		WantFailureIn(t, "6 of 6 topics are not as they must be\n", "\n  belfry.journal has 3 partitions, not 4\n", "--partitions 3", "--prefix")

	wrong := "86400000"
	if err := kafkatest.Admin(t, brokers).AlterConfig(sarama.TopicResource, "belfry.journal", map[string]*string{"retention.ms": &wrong}, false); err != nil {
		t.Fatal(err)
	}
	for _, command := range commandsOnKafka(t) {
		t.Run(command.name, func(t *testing.T) {
			call(t, nil, command.args(brokers[0])...).WantFailureIn(t, "\n  belfry.journal has ", `retention.ms="86400000"`, "604800000", "kafka-configs --alter", "--bootstrap-server "+brokers[0])
		})
	}
}

// An unreachable broker is refused within seconds, however many are named.
func TestUnreachableBroker(t *testing.T) {
	t.Parallel()
	for _, command := range append(commandsOnKafka(t), kafkaCommand{"inspect", []string{"inspect", "user-7"}}) {
		t.Run(command.name, func(t *testing.T) {
			t.Parallel()
			a, b := parts.FreeAddr(t), parts.FreeAddr(t)
			began := time.Now()
			call(t, nil, command.args(a+","+b)...).WantFailure(t, "--brokers", a, "refused", "start Kafka there")
			if took := time.Since(began); took > 15*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

// kafkaCommand is a command that needs the topics.
type kafkaCommand struct {
	name string
	with []string
}

func (c kafkaCommand) args(brokers string) []string {
	return append(append([]string{}, c.with...), "--brokers", brokers)
}

// commandsOnKafka returns every command that verifies the topics when it
// starts, with what else it needs.
func commandsOnKafka(t *testing.T) []kafkaCommand {
	t.Helper()
	state := func() string { return t.TempDir() }
	return []kafkaCommand{
		{"topics", []string{"topics", "--partitions", "3"}},
		{"processor", []string{"processor", "--state-dir", state()}},
		{"server", []string{"server", "--state-dir", state(), "--addr", "127.0.0.1:0", "--auth", "none"}},
		{"run", []string{"run", "--state-dir", state(), "--addr", "127.0.0.1:0", "--auth", "none", "--partitions", "3"}},
		{"emit", []string{"emit"}},
	}
}
