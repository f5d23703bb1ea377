package renew

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/table"
)

// headerRoom is how much larger a record may get by deadletter.HeaderCopied.
const headerRoom = 1024

// restore creates the topic unless it is there, and writes into it what it
// lacks of the copy.
func (n *renewal) restore(ctx context.Context, saved *copied) error {
	info, err := n.recreate(ctx, saved.header)
	if err != nil {
		return err
	}
	// A commit that says nothing of the log it belongs to would be taken for
	// one in the new log.
	if err := n.forget(ctx); err != nil {
		return err
	}
	if saved.records > 0 {
		// A record of the largest size must fit with its new header.
		if err := n.limit(ctx, strconv.Itoa(saved.header.MaxBytes+headerRoom)); err != nil {
			return err
		}
		if err := errors.Join(n.write(ctx, saved, info.Partitions), n.unlimit(ctx, saved.header)); err != nil {
			return err
		}
	}
	if err := os.Rename(saved.path, saved.path+restored); err != nil {
		return fmt.Errorf("rename copy: %w", err)
	}
	n.report("%s has epoch %08x and holds the %d records that were not processed; %s can go",
		n.topic, info.ID.Epoch(), saved.records, saved.path+restored)
	return nil
}

// forget deletes what the group has committed in the topic.
func (n *renewal) forget(ctx context.Context) error {
	committed, err := n.Committed(ctx, n.Group)
	if err != nil {
		return err
	}
	var offsets kadm.TopicsSet
	for p := range committed[n.topic] {
		offsets.Add(n.topic, p)
	}
	err = kafka.Patiently(ctx, func(ctx context.Context) error {
		deleted, err := n.Admin.DeleteOffsets(ctx, n.Group, offsets)
		for _, failed := range deleted[n.topic] {
			if !errors.Is(failed, kerr.UnknownTopicOrPartition) {
				err = cmp.Or(err, failed)
			}
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("delete offsets of group %s in %s: %w", n.Group, n.topic, err)
	}
	return nil
}

// recreate creates the topic unless it is there: as it was, with the
// specification's settings above its own.
func (n *renewal) recreate(ctx context.Context, h copyHeader) (kafka.TopicInfo, error) {
	if err := n.awaitGone(ctx, h.TopicID); err != nil {
		return kafka.TopicInfo{}, err
	}
	brokers, err := n.Brokers()
	if err != nil {
		return kafka.TopicInfo{}, err
	}
	infos, err := n.Existing(n.topic)
	if err != nil {
		return kafka.TopicInfo{}, err
	}
	spec := belfry.TopicSpec{Name: n.topic, Partitions: h.Partitions, Config: map[string]string{}}
	if _, exists := infos[n.topic]; !exists {
		maps.Copy(spec.Config, h.Config)
	}
	maps.Copy(spec.Config, n.Spec.Config)
	changes, err := n.Ensure(ctx, []belfry.TopicSpec{spec}, min(h.Replication, brokers))
	for _, c := range changes {
		n.Report(c)
	}
	if err != nil {
		return kafka.TopicInfo{}, err
	}
	infos, err = n.Info(n.topic)
	return infos[n.topic], err
}

// write appends the records of the copy that the topic does not hold yet and
// waits for their acknowledgement. It stops at the first that fails.
func (n *renewal) write(ctx context.Context, saved *copied, partitions int) error {
	written, err := n.written(ctx, saved.header, partitions)
	if err != nil {
		return err
	}
	p, err := n.cfg.NewProducer("belfry-renewal", true,
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchMaxBytes(int32(saved.header.MaxBytes+headerRoom)))
	if err != nil {
		return err
	}
	defer p.Client.Close()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var pending sync.WaitGroup
	err = saved.each(func(number int, r copyRecord) error {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if written[number] {
			return nil
		}
		pending.Add(1)
		p.Client.Produce(ctx, n.record(saved.header, number, r), func(_ *kgo.Record, err error) {
			defer pending.Done()
			if err != nil {
				stop(fmt.Errorf("write %s/%d: %w", n.topic, r.Partition, err))
			}
		})
		return nil
	})
	pending.Wait()
	if err == nil {
		err = context.Cause(ctx)
	}
	return err
}

func (n *renewal) record(h copyHeader, number int, r copyRecord) *kgo.Record {
	out := &kgo.Record{
		Topic: n.topic, Partition: r.Partition, Key: r.Key, Value: r.Value, Timestamp: time.UnixMilli(r.Time),
	}
	for _, f := range r.Headers {
		out.Headers = append(out.Headers, kgo.RecordHeader{Key: string(f.Name), Value: f.Value})
	}
	out.Headers = append(out.Headers, kgo.RecordHeader{
		Key: deadletter.HeaderCopied, Value: []byte(h.TopicID + "/" + strconv.Itoa(number)),
	})
	return out
}

// written returns the numbers of the copy's records that the topic holds: of an
// earlier attempt.
func (n *renewal) written(ctx context.Context, h copyHeader, partitions int) (map[int]bool, error) {
	found := map[int]bool{}
	for p := range int32(partitions) {
		err := table.Scan(ctx, n.cfg, n.topic, p, func(m *sarama.ConsumerMessage) error {
			for _, f := range m.Headers {
				number, ok := strings.CutPrefix(string(f.Value), h.TopicID+"/")
				if string(f.Key) != deadletter.HeaderCopied || !ok {
					continue
				}
				if i, err := strconv.Atoi(number); err == nil {
					found[i] = true
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}
