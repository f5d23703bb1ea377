package emitters_test

import (
	"fmt"
	"testing"

	"github.com/belfry/belfry/emitters"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
)

func TestItemsAreRemovedByTombstones(t *testing.T) {
	t.Parallel()
	cfg, all := topics(t)
	items, err := emitters.OpenItems(cfg, prefix)
	if err != nil {
		t.Fatal(err)
	}
	const recipient = "사용자-7"
	for seq := range uint64(3) {
		if err := items.Remove(t.Context(), inbox.ContentKey{Recipient: recipient, Seq: seq + 1}); err != nil {
			t.Fatal(err)
		}
		// Acknowledged, not just under way.
		if end := written(t, all, prefix.InboxTable()); end != int64(seq)+1 {
			t.Errorf("%d records after %d removals", end, seq+1)
		}
	}
	if err := items.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if err := items.Remove(t.Context(), inbox.ContentKey{Recipient: recipient, Seq: 4}); err == nil {
		t.Error("a removal after Close was written")
	}
	for i, m := range consume(t, cfg, prefix.InboxTable(), kafka.Partition(recipient, partitions), 3) {
		if got, want := string(m.Key), fmt.Sprintf("%s/%d", recipient, i+1); got != want || m.Value != nil {
			t.Errorf("key %s, value %q, want %s and null", got, m.Value, want)
		}
	}
}
