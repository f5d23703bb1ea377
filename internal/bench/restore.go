package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
)

// Restore is a way to read whole tables with an empty state folder.
type Restore string

// The ways to restore. The bare ones read as many records, and do nothing with them.
const (
	BareRows         Restore = "bare consumer, unread table"
	RestoreProcessor Restore = "processor, unread table"
	BareTables       Restore = "bare consumer, both tables"
	RestoreView      Restore = "server, both tables"
)

// RestoreWays are all, each after what it is held against.
func RestoreWays() []Restore { return []Restore{BareRows, RestoreProcessor, BareTables, RestoreView} }

// Restored is what one restore took, from exec to the first /readyz that says so where
// it is a process.
type Restored struct {
	Rows int64 // records read
	Took time.Duration
	CPU  time.Duration
	// Memory is the highest resident memory that was seen, in MiB; 0 of a bare consumer.
	Memory float64
}

// PerSecond is rows a second.
func (r Restored) PerSecond() float64 { return float64(r.Rows) / r.Took.Seconds() }

// Restores fills both tables with rows of that many items for each user, then restores
// them each way, rounds times in turn, and tells of each. CPU is the processor time
// that this process has used so far.
func (c *Config) Restores(ctx context.Context, items, rounds int, cpu func() time.Duration, tell func(Restore, Restored)) (err error) {
	in, err := c.install(ctx, "restore")
	defer func() { err = errors.Join(err, in.close(ctx)) }()
	if err != nil {
		return err
	}
	if err := in.fillTables(ctx, items); err != nil {
		return fmt.Errorf("fill the tables: %w", err)
	}
	for range rounds {
		for _, way := range RestoreWays() {
			var r Restored
			switch way {
			case BareRows:
				r, err = in.readBare(ctx, cpu, in.Prefix.UnreadTable())
			case BareTables:
				r, err = in.readBare(ctx, cpu, in.Prefix.UnreadTable(), in.Prefix.InboxTable())
			default:
				r, err = in.restoreIn(ctx, way, items)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", way, err)
			}
			tell(way, r)
		}
	}
	return nil
}

// fillTables writes what a fold would have: the partitions' own rows, a row for each
// user, and the contents.
func (in *installation) fillTables(ctx context.Context, items int) error {
	topics, err := kafka.OpenTopics(in.Kafka)
	if err != nil {
		return err
	}
	infos, err := topics.Info(in.Prefix.Journal())
	if err := errors.Join(err, topics.Close()); err != nil {
		return err
	}
	epoch := infos[in.Prefix.Journal()].ID.Epoch()
	out, err := in.Kafka.NewProducer("belfry-bench", false)
	if err != nil {
		return err
	}
	var pending sync.WaitGroup
	var failed atomic.Pointer[error]
	write := func(topic, key string, value []byte, err error) {
		if err != nil {
			failed.CompareAndSwap(nil, &err)
			return
		}
		pending.Add(1)
		out.Emit(topic, key, value).Then(func(err error) {
			defer pending.Done()
			if err != nil {
				failed.CompareAndSwap(nil, &err)
			}
		})
	}
	at := time.Now().UTC().Truncate(time.Millisecond)
	for p := range int32(in.Partitions) {
		b, err := codec.EncodeState(&inbox.State{Epoch: epoch})
		write(in.Prefix.UnreadTable(), belfry.PartitionKey(p), b, err)
	}
	for i := 0; i < in.Users && failed.Load() == nil && ctx.Err() == nil; i++ {
		user := Recipient(i, in.Users)
		s := inbox.State{Epoch: epoch, Version: uint64(items), ChangedAt: at}
		for seq := uint64(1); seq <= uint64(items); seq++ {
			n := Event(i*items+int(seq), in.Users, at)
			s.Items = append(s.Items, inbox.Entry{Seq: seq, Version: seq, Count: 1, Category: n.Category, Hash: inbox.IdentityHash(n.Source, n.ID, "")})
			b, err := codec.EncodeItem(inbox.NewItem(n, seq, at))
			write(in.Prefix.InboxTable(), inbox.ItemKey(user, seq), b, err)
		}
		b, err := codec.EncodeState(&s)
		write(in.Prefix.UnreadTable(), user, b, err)
	}
	pending.Wait()
	err = errors.Join(out.Close(), ctx.Err())
	if e := failed.Load(); e != nil {
		err = errors.Join(err, *e)
	}
	return err
}

// readBare reads whole topics.
func (in *installation) readBare(ctx context.Context, cpu func() time.Duration, topics ...string) (out Restored, err error) {
	began, used := time.Now(), cpu()
	client, err := connect(in.Kafka, kgo.ConsumeTopics(topics...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return out, err
	}
	defer client.Close()
	ends, err := endsOf(ctx, kadm.NewClient(client), topics...)
	if err != nil {
		return out, err
	}
	want := int64(0)
	ends.Each(func(end kadm.ListedOffset) { want += end.Offset })
	for out.Rows < want {
		fetches := client.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return out, err
		}
		fetches.EachRecord(func(*kgo.Record) { out.Rows++ })
	}
	out.Took, out.CPU = time.Since(began), cpu()-used
	return out, nil
}

// restoreIn restores in a process with an empty state folder.
func (in *installation) restoreIn(ctx context.Context, way Restore, items int) (out Restored, err error) {
	out.Rows = int64(in.Users + in.Partitions)
	began := time.Now()
	var m *member
	if way == RestoreView {
		out.Rows += int64(in.Users) * int64(items)
		m, err = in.server(ctx, "view")
	} else {
		m, err = in.processor(ctx, in.BelfryProcessor("unread"), "processor")
	}
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, m.terminate(), os.RemoveAll(m.dir)) }()
	watched, stop := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		for Pause(watched, catchUpPoll) == nil {
			if used, err := m.footprint(); err == nil {
				out.Memory = max(out.Memory, float64(used.Resident)/(1<<20))
			}
		}
	})
	err = m.awaitReady(ctx)
	out.Took = time.Since(began)
	stop()
	watch.Wait()
	if err != nil {
		return out, err
	}
	used, err := m.footprint()
	out.CPU, out.Memory = used.CPU, max(out.Memory, float64(used.Resident)/(1<<20))
	return out, err
}
