package main

import (
	"strings"
	"testing"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/kafkatest"
)

// existing returns how many topics there are.
func existing(t *testing.T, brokers []string) int {
	t.Helper()
	all, err := adminOf(t, brokers).ListTopics()
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
	r.wantOutput(t, "create   belfry.journal: 3 partitions, replication 1, cleanup.policy=delete", "message.timestamp.type=LogAppendTime", "create   belfry-inbox-table: 3")
	if got := strings.Count(r.stdout, "create "); got != 6 {
		t.Errorf("got %d topics to be created, want 6:\n%s", got, r.stdout)
	}
	if got := existing(t, brokers); got != before {
		t.Fatalf("got %d topics after a dry run, want %d", got, before)
	}
	call(t, nil, append(plan, "--replication", "3")...).wantOutput(t, "replication 3, cleanup.policy=delete, ", "min.insync.replicas=2")

	call(t, nil, args...).wantOutput(t, "6 topics are as they must be")
	r = call(t, nil, plan...)
	r.wantOutput(t, "keep     belfry.journal: 3 partitions")
	if got := strings.Count(r.stdout, "keep "); got != 6 || strings.Count(r.stdout, "\n") != 6 {
		t.Errorf("got %d topics kept, want 6:\n%s", got, r.stdout)
	}

	ids := toJSON(t, topicIDs(t, brokers, belfry.DefaultPrefix))
	retention := "1000"
	if err := adminOf(t, brokers).AlterConfig(sarama.TopicResource, "belfry.items", map[string]*string{"cleanup.policy": new("delete"), "retention.ms": &retention}, false); err != nil {
		t.Fatal(err)
	}
	r = call(t, nil, append(plan, "--partitions", "4")...)
	if r.code != exitFailure {
		t.Errorf("got exit code %d for what differs, want %d", r.code, exitFailure)
	}
	for _, want := range []string{`differs  belfry.items: 3 partitions, not 4; `, `retention.ms="1000", not "`, "differs  belfry.journal: 3 partitions, not 4\n"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("got %s, want %q", r.stdout, want)
		}
	}
	for _, want := range []string{"partitions cannot change for life", "docs/operations.md", "kafka-configs --alter --topic belfry.items --add-config retention.ms="} {
		if !strings.Contains(r.stderr, want) {
			t.Errorf("got %s, want %q", r.stderr, want)
		}
	}
	if got := toJSON(t, topicIDs(t, brokers, belfry.DefaultPrefix)); got != ids {
		t.Errorf("got topics %s, want %s as before", got, ids)
	}
	call(t, nil, append(plan, "--new-epoch")...).wantError(t, exitUsage, "--dry-run", "--new-epoch")
}
