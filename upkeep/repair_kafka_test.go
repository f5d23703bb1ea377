package upkeep_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/upkeep"
)

// rowWith is a row of that version that holds the items.
func rowWith(t *testing.T, version uint64, seqs ...uint64) []byte {
	t.Helper()
	state := holding(version, seqs...)
	b, err := codec.EncodeState(&state)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// watched runs a view of the unread table that reports on the rows of the one
// user that there is.
func watched(t *testing.T, cfg kafka.Config, delay time.Duration, journal upkeep.Journal) (*table.View, *upkeep.Repairs) {
	t.Helper()
	var r *upkeep.Repairs
	var reports *upkeep.Reports
	v := table.NewView(cfg, table.Definition{
		Topic: prefix.UnreadTable(),
		Accept: func(old, next []byte) bool {
			accepted := codec.NotOlder(old, next)
			if !accepted {
				reports.Refused("사용자-7")
			}
			return accepted
		},
		Changed: func(key string, _ []byte) { reports.Accepted(key) },
	})
	r, err := upkeep.OpenRepairs(upkeep.RepairsConfig{
		Path: filepath.Join(cfg.StateDir, "repairs"), Journal: journal, View: v, Delay: delay, Logger: quiet(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	reports = r.Reports()
	await.Running(t, v.Run)
	await.Running(t, r.Run)
	return v, r
}

// seqsOf gives the items of a row and its version.
func seqsOf(t *testing.T, value []byte) (version uint64, seqs []uint64) {
	t.Helper()
	state, err := codec.DecodeState(value)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range state.Items {
		seqs = append(seqs, e.Seq)
	}
	return state.Version, seqs
}

// A paused owner's late row is the key's last record: it would be what
// compaction keeps.
func TestRepairsWriteTheNewerRowAgain(t *testing.T) {
	t.Parallel()
	cfg := tables(t)
	j := openJournal(t, cfg)
	partition := kafka.Partition("사용자-7", partitions)
	put(t, cfg, prefix.UnreadTable(), "사용자-7", rowWith(t, 5, 2, 5))
	put(t, cfg, prefix.UnreadTable(), "사용자-7", rowWith(t, 3, 2, 3))
	// On a busy machine the owner takes longer than a moment; a second touch would
	// be right, and not what is tested.
	v, r := watched(t, cfg, 2*time.Second, j)
	startUnread(t, cfg, r.Reports())
	// The touch makes the owner, who kept the newer row as well, write it again.
	last := kafkatest.Consume(t, cfg.Brokers, prefix.UnreadTable(), 3, partition)[2]
	if version, seqs := seqsOf(t, last.Value); version != inbox.BaseStep+1 || !slices.Equal(seqs, []uint64{2, 5}) {
		t.Errorf("the table's last row is version %d with items %v, want %d with 2 and 5", version, seqs, uint64(inbox.BaseStep+1))
	}
	await.Eventually(t, patience, func() string { return fmt.Sprintf("%d waiting, %d repaired", r.Waiting(), r.Repaired()) },
		func() bool { return r.Waiting() == 0 && r.Repaired() == 1 })
	await.Eventually(t, patience, func() string { return "the view has not come to the end" }, func() bool {
		value, err := v.Get("사용자-7")
		if err != nil {
			t.Fatal(err)
		}
		version, _ := seqsOf(t, value)
		return version == inbox.BaseStep+1
	})
	if got := v.Refused(); got != 1 {
		t.Errorf("%d refused, want 1", got)
	}
	m := kafkatest.Consume(t, cfg.Brokers, prefix.Journal(), 1, partition)[0]
	if record, err := codec.DecodeRecord(m.Value); err != nil || record.Kind != inbox.KindTouch || string(m.Key) != "사용자-7" {
		t.Errorf("the journal has %v for %s (%v), want a touch", record.Kind, m.Key, err)
	}
	if end := endOf(t, cfg, prefix.Journal()); end != 1 {
		t.Errorf("the journal has %d records, want 1", end)
	}
}

func TestRepairsLeaveAloneWhatMendsItself(t *testing.T) {
	t.Parallel()
	cfg := tables(t)
	j := openJournal(t, cfg)
	v, r := watched(t, cfg, time.Minute, j)
	await.Eventually(t, patience, func() string { return v.Status().String() }, v.Recovered)
	comes := func(want int) {
		t.Helper()
		await.Eventually(t, patience, func() string { return fmt.Sprintf("%d waiting, want %d", r.Waiting(), want) },
			func() bool { return r.Waiting() == want })
	}
	put(t, cfg, prefix.UnreadTable(), "사용자-7", rowWith(t, 5))
	put(t, cfg, prefix.UnreadTable(), "사용자-7", rowWith(t, 3))
	comes(1)
	put(t, cfg, prefix.UnreadTable(), "사용자-7", rowWith(t, 6))
	comes(0)
	if end := endOf(t, cfg, prefix.Journal()); end != 0 || r.Repaired() != 0 {
		t.Errorf("the journal has %d records, %d were repaired, want none", end, r.Repaired())
	}
}

// endOf is how many records a topic has.
func endOf(t *testing.T, cfg kafka.Config, topic string) (total int64) {
	t.Helper()
	c, err := sarama.NewClient(cfg.Brokers, kafkatest.ClientConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for p := range int32(partitions) {
		end, err := c.GetOffset(topic, p, sarama.OffsetNewest)
		if err != nil {
			t.Fatal(err)
		}
		total += end
	}
	return total
}
