package processors_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/emitters"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/processors"
)

// owner is a processor of the fold, and what writes to its journal.
type owner struct {
	cfg     kafka.Config
	group   *engine.Processor
	journal *emitters.Journal
	epoch   uint32
	stop    func()

	inboxCap, broadcastCap int
}

func newOwner(t *testing.T) *owner {
	t.Helper()
	return ownerOf(t, config(t))
}

// ownerOf is newOwner with the brokers of cfg.
func ownerOf(t *testing.T, cfg kafka.Config) *owner {
	t.Helper()
	o := &owner{cfg: cfg}
	makeTopics(t, o.cfg)
	topics, err := kafka.OpenTopics(o.cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer topics.Close()
	infos, err := topics.Info(prefix.Journal())
	if err != nil {
		t.Fatal(err)
	}
	o.epoch = infos[prefix.Journal()].ID.Epoch()
	if o.journal, err = emitters.OpenJournal(o.cfg, prefix); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.journal.Close() })
	return o
}

func (o *owner) start(t *testing.T) {
	t.Helper()
	dead, err := engine.OpenDeadLetters(o.cfg, prefix.DeadLetters())
	if err != nil {
		t.Fatal(err)
	}
	deps := processors.Deps{Prefix: prefix, DeadLetters: dead, Metrics: processors.NewMetrics(prometheus.NewRegistry()), Features: inbox.DefaultFeatures, BroadcastCap: o.broadcastCap}
	group := processors.NewUnread(deps, o.inboxCap).Group()
	group.Remedy = "the remedy"
	o.group = engine.NewProcessor(o.cfg, group)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = o.group.Run(ctx) })
	o.stop = sync.OnceFunc(func() { stop(); running.Wait(); _ = dead.Close() })
	t.Cleanup(o.stop)
}

func (o *owner) notify(t *testing.T, user string) {
	t.Helper()
	o.append(t, user, inbox.Record{Kind: inbox.KindNotify, Notification: belfry.Notification{Source: "test", Title: belfry.PlainText("x")}})
}

func (o *owner) append(t *testing.T, user string, r inbox.Record) {
	t.Helper()
	if _, err := o.journal.Append(t.Context(), inbox.Addressed{Recipients: []string{user}, Record: r}); err != nil {
		t.Fatal(err)
	}
}

// rows are the records of a partition of the table: the key, and what they count from.
func (o *owner) rows(t *testing.T, partition int32) (all []string, last map[string]inbox.State) {
	t.Helper()
	last = map[string]inbox.State{}
	err := table.Scan(t.Context(), o.cfg, prefix.UnreadTable(), partition, func(m *sarama.ConsumerMessage) error {
		row, err := decodeRow(m)
		last[string(m.Key)] = row
		all = append(all, fmt.Sprintf("%s %d+%d", m.Key, row.Base, row.Version-row.Base))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all, last
}

// decodeRow decodes a row of the unread table, of a board what it has in common with others.
func decodeRow(m *sarama.ConsumerMessage) (inbox.State, error) {
	if _, own := belfry.ParsePartitionKey(string(m.Key)); !own {
		return codec.DecodeState(m.Value)
	}
	row, err := codec.DecodeBoard(m.Value)
	return row.State, err
}

func (o *owner) await(t *testing.T, partition int32, want ...string) {
	t.Helper()
	var got []string
	await.Eventually(t, patience, func() string { return fmt.Sprintf("the table has %q, want %q; %s", got, want, o.group.Status()) }, func() bool {
		got, _ = o.rows(t, partition)
		return strings.Join(got, ", ") == strings.Join(want, ", ")
	})
}

func row(t *testing.T, s inbox.State) []byte {
	t.Helper()
	b, err := codec.EncodeState(&s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The base is in the table before the first record of the first session is folded, and
// stays what it is over sessions, also on another machine.
func TestAPartitionHasOneBase(t *testing.T) {
	t.Parallel()
	o := newOwner(t)
	p := kafka.Partition("a", partitions)
	own := belfry.PartitionKey(p)
	o.notify(t, "a")
	o.start(t)
	o.await(t, p, own+" 0+0", "a 0+1")
	o.stop()
	o.notify(t, "a")
	o.start(t)
	o.await(t, p, own+" 0+0", "a 0+1", "a 0+2")
	o.stop()
	o.cfg.StateDir = t.TempDir()
	o.notify(t, "a")
	o.start(t)
	o.await(t, p, own+" 0+0", "a 0+1", "a 0+2", "a 0+3")
	if lacks := o.group.Status().Lacks; len(lacks) > 0 {
		t.Errorf("got %v", lacks)
	}
}

// Rows of an earlier journal: all of the new one have one base above them, those too
// whose user is new.
func TestANewJournalHasOneBase(t *testing.T) {
	t.Parallel()
	o := newOwner(t)
	p := kafka.Partition("a", partitions)
	own, b := belfry.PartitionKey(p), ""
	for _, r := range "bcdefghijklmnopqrst" {
		if kafka.Partition(string(r), partitions) == p {
			b = string(r)
			break
		}
	}
	produce(t, o.cfg, keyed(prefix.UnreadTable(), "a", row(t, inbox.State{Epoch: o.epoch + 1, Base: 7, Version: 9})))
	o.start(t)
	o.notify(t, "a")
	o.notify(t, b)
	o.await(t, p, "a 7+2", fmt.Sprint(own, " ", uint64(inbox.BaseStep), "+0"),
		fmt.Sprint("a ", uint64(inbox.BaseStep), "+1"), fmt.Sprint(b, " ", uint64(inbox.BaseStep), "+2"))
}

// Rows that an earlier release has given a base each keep it, and the status says
// what the partition lacks.
func TestUnevenBasesGoOnAndAreTold(t *testing.T) {
	t.Parallel()
	o := newOwner(t)
	p := kafka.Partition("a", partitions)
	b := ""
	for _, r := range "bcdefghijklmnopqrst" {
		if kafka.Partition(string(r), partitions) == p {
			b = string(r)
			break
		}
	}
	produce(t, o.cfg,
		keyed(prefix.UnreadTable(), "a", row(t, inbox.State{Epoch: o.epoch, Base: 7, Version: 7})),
		keyed(prefix.UnreadTable(), b, row(t, inbox.State{Epoch: o.epoch, Base: 3, Version: 3})))
	o.notify(t, "a")
	o.notify(t, b)
	o.start(t)
	// Nobody has written to those versions of this journal yet but the test.
	o.await(t, p, "a 7+0", b+" 3+0", "a 7+1", b+" 3+2")
	lacks := o.group.Status().Lacks
	if len(lacks) != 1 || lacks[0].Partition != p || !strings.Contains(lacks[0].String(), "different bases") || lacks[0].Remedy != "the remedy" {
		t.Errorf("got %v, want one of partition %d", lacks, p)
	}
	o.stop()
	o.notify(t, "a")
	o.start(t)
	o.await(t, p, "a 7+0", b+" 3+0", "a 7+1", b+" 3+2", "a 7+3")
	if lacks := o.group.Status().Lacks; len(lacks) != 1 {
		t.Errorf("after a restart got %v, want one", lacks)
	}
}

// A row that an earlier release writes beside a base, of a journal that it was the
// first to read, is told when it is met.
func TestARowOfAnotherBaseIsTold(t *testing.T) {
	t.Parallel()
	o := newOwner(t)
	p := kafka.Partition("a", partitions)
	own := belfry.PartitionKey(p)
	produce(t, o.cfg,
		keyed(prefix.UnreadTable(), own, row(t, inbox.State{Epoch: o.epoch, Base: 20, Version: 20})),
		keyed(prefix.UnreadTable(), "a", row(t, inbox.State{Epoch: o.epoch, Base: 7, Version: 7})))
	o.notify(t, "a")
	o.start(t)
	o.await(t, p, own+" 20+0", "a 7+0", "a 7+1")
	await.Eventually(t, patience, func() string { return o.group.Status().String() }, func() bool { return len(o.group.Status().Lacks) == 1 })
}

// The partition's own row takes a touch, which writes it again, no notification that is for
// one user, and of another partition nothing.
func TestThePartitionsOwnRow(t *testing.T) {
	t.Parallel()
	o := newOwner(t)
	o.start(t)
	o.append(t, belfry.PartitionKey(1), inbox.Record{Kind: inbox.KindTouch})
	o.await(t, 1, "__1 0+0", "__1 0+1")
	o.notify(t, belfry.PartitionKey(1))
	touch, err := codec.EncodeRecord(inbox.Record{Kind: inbox.KindTouch})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"__2", "__01", "__x"} {
		m := keyed(prefix.Journal(), key, touch)
		m.Partition = 1
		produce(t, o.cfg, m)
	}
	letters := consume(t, o.cfg, prefix.DeadLetters(), 4)
	var got []string
	for _, m := range letters {
		for _, h := range m.Headers {
			if string(h.Key) == "belfry-error" {
				got = append(got, string(h.Value))
			}
		}
	}
	want := `record for the board of partition 1: audience: must be all or topic:<name>, not "", ` + strings.Repeat(`, journal key: recipient: must not start with "__"`, 3)[2:]
	if strings.Join(got, ", ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
	o.append(t, belfry.PartitionKey(1), inbox.Record{Kind: inbox.KindTouch})
	o.await(t, 1, "__1 0+0", "__1 0+1", "__1 0+6")
}
