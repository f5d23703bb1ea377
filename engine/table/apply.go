package table

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
)

// applyAll applies what the feed brought, the records of different partitions at once.
func (v *View) applyAll(fetches kgo.Fetches, f *feed, out *outage) error {
	for _, fetch := range fetches {
		for _, t := range fetch.Topics {
			if err := v.check(t, f.id); err != nil {
				return err
			}
			v.hide(t, out)
			errs := make([]error, len(t.Partitions))
			var all sync.WaitGroup
			for i, p := range t.Partitions {
				switch {
				case len(p.Records) == 0:
				case len(t.Partitions) == 1:
					errs[i] = v.apply(p, f.askedBefore(p.Partition))
				default:
					all.Go(func() { errs[i] = v.apply(p, f.askedBefore(p.Partition)) })
				}
			}
			all.Wait()
			if err := errors.Join(errs...); err != nil {
				return err
			}
		}
	}
	return nil
}

// check returns the error of a fetch, if it is one that another fetch does not
// cure.
func (v *View) check(t kgo.FetchTopic, id kafka.TopicID) error {
	if t.TopicID != ([16]byte{}) && t.TopicID != id {
		return fmt.Errorf("read %s: %w", v.table.Topic, kerr.UnknownTopicID)
	}
	for _, p := range t.Partitions {
		if p.Err == nil {
			continue
		}
		err := fmt.Errorf("read %s/%d: %w", t.Topic, p.Partition, p.Err)
		var lost *kgo.ErrDataLoss
		switch {
		case errors.Is(p.Err, kerr.OffsetOutOfRange), errors.As(p.Err, &lost):
			return fmt.Errorf("%w: %w", errGap, err)
		case kerr.IsRetriable(p.Err) && !errors.Is(p.Err, kerr.UnknownTopicID), isDisconnect(p.Err):
			v.sup.Log.Debug("fetch failed", "err", err)
		default:
			return err
		}
	}
	return nil
}

// isDisconnect reports whether an error is of a connection, not an answer.
func isDisconnect(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, context.DeadlineExceeded)
}

// hide has nothing be read any more if the view was cut off from a partition for so long
// that records may be missing on its way to the end.
func (v *View) hide(t kgo.FetchTopic, out *outage) {
	if v.table.Stale == 0 || v.served != v.filling {
		return
	}
	for _, p := range t.Partitions {
		if len(p.Records) == 0 || !v.progress.old(p.Partition, time.Now(), v.table.Stale) {
			continue
		}
		v.sup.Log.Warn("table was out of reach for long, it is not ready until it is caught up with: compaction may have taken what lies between",
			"partition", p.Partition, "longer_than", v.table.Stale)
		for _, p := range t.Partitions {
			v.progress.extend(p.Partition, p.LastStableOffset)
		}
		v.progress.aim()
		v.served, v.wasWhole = nil, false
		v.current.Store(nil)
		out.enter(engine.Recovering)
		return
	}
}

// apply writes the records of one partition, whose answer was asked for after a time, and
// then how far they go.
func (v *View) apply(p kgo.FetchPartition, asked time.Time) error {
	v.progress.extend(p.Partition, p.LastStableOffset)
	store := v.filling.parts[p.Partition]
	var row []byte
	for _, r := range p.Records {
		if r.Attrs.IsControl() {
			continue
		}
		key := string(r.Key)
		var accepted bool
		var err error
		accepted, row, err = v.write(store, key, r, row)
		switch {
		case err != nil:
			return fmt.Errorf("write %s of %s/%d: %w: %w", key, v.table.Topic, p.Partition, errStore, err)
		case accepted:
			if own := &v.filling.own[p.Partition]; v.filling == v.served && v.table.Own != nil && key == own.key {
				own.publish(v.table.Own, r.Value)
			}
			if v.table.Accepted != nil {
				v.table.Accepted(key)
			}
			if v.filling == v.served {
				v.tell(key, r)
			}
		default:
			v.refused.Add(1)
			if v.table.Refused != nil {
				v.table.Refused(key)
			}
		}
	}
	last := p.Records[len(p.Records)-1].Offset
	if err := store.SetOffset(last); err != nil {
		return fmt.Errorf("write offset of %s/%d: %w: %w", v.table.Topic, p.Partition, errStore, err)
	}
	v.progress.reach(p.Partition, last+1, p.LastStableOffset, asked)
	return nil
}

// tell has those who read know of a record that they can read now.
func (v *View) tell(key string, r *kgo.Record) {
	if v.table.Traced != nil {
		for _, h := range r.Headers {
			if h.Key == kafka.TraceParent {
				v.table.Traced(key, h.Value)
			}
		}
	}
	if v.table.Changed != nil {
		v.table.Changed(key, r.Value)
	}
}

// write may use row's memory for the row that it makes, and returns it.
func (v *View) write(store rowStore, key string, r *kgo.Record, row []byte) (accepted bool, used []byte, err error) {
	if r.Value == nil {
		return true, row, store.Delete(key)
	}
	if v.table.Accept != nil {
		old, err := store.Get(key)
		if err != nil {
			return false, row, err
		}
		if old != nil {
			if old, _, err = openRow(old); err != nil {
				return false, row, err
			}
			if !v.table.Accept(old, r.Value) {
				return false, row, nil
			}
		}
	}
	row = appendRow(row[:0], r.Timestamp, r.Value)
	return true, row, store.Set(key, row)
}

// rowStore is what a record needs of a store. Set copies the value.
type rowStore interface {
	Get(key string) ([]byte, error)
	Set(key string, value []byte) error
	Delete(key string) error
}
