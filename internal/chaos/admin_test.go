package chaos

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/kafkatest"
)

// administered returns an admin of topics that exist, and whose groups have
// committed offset 5 in each partition.
func administered(t *testing.T, brokers []string, partitions int) *admin {
	t.Helper()
	cfg := kafka.Config{Brokers: brokers}
	prefix := belfry.Prefix("chaos-1")
	kafkatest.Install(t, cfg, prefix, partitions)
	a, err := openAdmin(cfg, prefix)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.close)
	for group, inputs := range a.inputs() {
		var offsets kadm.Offsets
		for p := range int32(partitions) {
			offsets.Add(kadm.Offset{Topic: inputs[0], Partition: p, At: 5, LeaderEpoch: -1})
		}
		eventually(t, "offsets are committed", func() bool {
			return a.ask(t.Context(), func(ctx context.Context, client *kadm.Client) error {
				_, err := client.CommitOffsets(ctx, group, offsets)
				return err
			}) == nil
		})
	}
	return a
}

func TestAdminAsks(t *testing.T) {
	a := administered(t, kafkatest.Embedded(t), 2)
	if a.prefix != "chaos-1" || len(groupsOf(a.prefix)) != len(a.inputs()) {
		t.Errorf("groups %v of inputs %v", groupsOf(a.prefix), a.inputs())
	}
	for _, group := range groupsOf(a.prefix) {
		inputs := a.inputs()[group]
		committed, err := a.committed(t.Context(), group)
		if err != nil || len(committed) != 2 || committed[topicPartition{inputs[0], 1}] != 5 {
			t.Errorf("%s committed %v, %v", group, committed, err)
		}
		ends, err := a.ends(t.Context(), inputs...)
		if end, ok := ends[topicPartition{inputs[0], 1}]; err != nil || len(ends) != 2 || !ok || end != 0 {
			t.Errorf("%s ends at %v, %v", inputs[0], ends, err)
		}
	}
	if err := a.awaitInSync(t.Context(), patience); err != nil {
		t.Error(err)
	}
	if err := a.clean(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := a.ends(t.Context(), a.topics()...); err == nil {
		t.Error("the topics are still there")
	}
}

// A coordinator that is gone is soon replaced: an admin that goes on asking the
// old one would be blind for as long as that is down.
func TestAdminOutlivesACoordinator(t *testing.T) {
	if testing.Short() {
		t.Skip("starts three nodes of Apache Kafka")
	}
	cluster := kafkatest.Start(t, kafkatest.Config{Nodes: 3})
	a := administered(t, cluster.Brokers(), 2)
	group := a.prefix.UnreadGroup()
	id, err := a.coordinator(t.Context(), group)
	if err != nil {
		t.Fatal(err)
	}
	await.Eventually(t, patience, func() string { return "every replica of the offsets is in sync" }, func() bool {
		behind, err := a.outOfSync(t.Context(), "__consumer_offsets")
		return err == nil && behind == 0
	})
	leader, err := a.leader(t.Context(), a.prefix.Journal(), 1)
	if err != nil || !slices.Contains(cluster.Nodes().IDs(), leader) {
		t.Errorf("leader %d, %v", leader, err)
	}
	if err := cluster.Nodes().Kill(id); err != nil {
		t.Fatal(err)
	}
	var committed map[topicPartition]int64
	await.Eventually(t, patience, func() string {
		// Offsets that one broker alone has are not stable (KIP-447): the replicas say why.
		offsets, describeErr := a.describe(t.Context(), "__consumer_offsets")
		return fmt.Sprintf("another coordinator answers (%v, %v); %v %v", committed, err, offsets["__consumer_offsets"].Partitions, describeErr)
	}, func() bool {
		committed, err = a.committed(t.Context(), group)
		return err == nil && len(committed) == 2
	})
	if other, err := a.coordinator(t.Context(), group); err != nil || other == id {
		t.Errorf("coordinator %d, %v, was %d", other, err, id)
	}
	if n, err := a.outOfSync(t.Context(), a.topics()...); err != nil || n == 0 {
		t.Errorf("%d partitions lack a replica, %v", n, err)
	}
}
