package main

import (
	"strings"
	"testing"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/kafkatest"
)

// existing returns how many topics there are.
func existing(t *testing.T, brokers []string) int {
	t.Helper()
	all, err := kafkatest.Admin(t, brokers).ListTopics()
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

func TestTopicsDryRun(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Embedded(t)
	args := []string{"topics", "--brokers", brokers[0], "--partitions", "3"}
	plan := append(args, "--dry-run")
	before := existing(t, brokers)
	r := call(t, nil, plan...)
	r.WantOutput(t, "create   belfry.journal: 3 partitions, replication 1, cleanup.policy=delete", "message.timestamp.type=LogAppendTime", "create   belfry-inbox-table: 3")
	if got := strings.Count(r.Stdout, "create "); got != 6 {
		t.Errorf("got %d topics to be created, want 6:\n%s", got, r.Stdout)
	}
	if got := existing(t, brokers); got != before {
		t.Fatalf("got %d topics after a dry run, want %d", got, before)
	}
	call(t, nil, append(plan, "--replication", "3")...).WantOutput(t, "replication 3, cleanup.policy=delete, ", "min.insync.replicas=2")

	call(t, nil, args...).WantOutput(t, "6 topics are as they must be")
	r = call(t, nil, plan...)
	r.WantOutput(t, "keep     belfry.journal: 3 partitions")
	if got := strings.Count(r.Stdout, "keep "); got != 6 || strings.Count(r.Stdout, "\n") != 6 {
		t.Errorf("got %d topics kept, want 6:\n%s", got, r.Stdout)
	}

	ids := toJSON(t, topicIDs(t, brokers, belfry.DefaultPrefix))
	retention := "1000"
	if err := kafkatest.Admin(t, brokers).AlterConfig(sarama.TopicResource, "belfry.notifications", map[string]*string{"cleanup.policy": new("delete"), "retention.ms": &retention}, false); err != nil {
		t.Fatal(err)
	}
	r = call(t, nil, append(plan, "--partitions", "4")...)
	if r.Code != cli.ExitFailure {
		t.Errorf("got exit code %d for what differs, want %d", r.Code, cli.ExitFailure)
	}
	for _, want := range []string{`differs  belfry.notifications: 3 partitions, not 4; `, `retention.ms="1000", not "`, "differs  belfry.journal: 3 partitions, not 4\n"} {
		if !strings.Contains(r.Stdout, want) {
			t.Errorf("got %s, want %q", r.Stdout, want)
		}
	}
	for _, want := range []string{"partitions cannot change for life", "docs/operations.md", "kafka-configs --alter --topic belfry.notifications --add-config retention.ms="} {
		if !strings.Contains(r.Stderr, want) {
			t.Errorf("got %s, want %q", r.Stderr, want)
		}
	}
	if got := toJSON(t, topicIDs(t, brokers, belfry.DefaultPrefix)); got != ids {
		t.Errorf("got topics %s, want %s as before", got, ids)
	}
	call(t, nil, append(plan, "--new-epoch")...).WantError(t, cli.ExitUsage, "--dry-run", "--new-epoch")
}
