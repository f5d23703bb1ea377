package renew

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/table"
)

// OneHop takes an installation over from releases whose contents went to the inbox
// table by way of a topic of their own, belfry.items, and a group, belfry-inbox.
// Since then the group of the fold writes the table itself.
type OneHop struct {
	Prefix belfry.Prefix
	// Check returns an error for what is no content or tombstone.
	Check func(key string, value []byte) error
	// Report is called with each step.
	Report func(kafka.Change)
}

// oneHopPoll is how often is looked whether the processors of the earlier release
// have finished and ended.
const oneHopPoll = time.Second

// Run has the topic take no writes, so that a processor of an earlier release
// fails and commits nothing more; waits until the group has taken what lies there
// to the table and has no members; takes the rest there itself; and empties the
// topic. Interrupted, it goes on when it is called again; done, it changes nothing.
// It waits for members as long as ctx lasts.
func (h OneHop) Run(ctx context.Context, cfg kafka.Config) error {
	t, err := kafka.OpenTopics(cfg)
	if err != nil {
		return err
	}
	defer t.Close()
	topic := h.Prefix.FormerItems()
	n := &renewal{Renewal: Renewal{Group: h.Prefix.FormerInboxGroup(), Report: h.Report}, Topics: t, cfg: cfg, topic: topic}
	infos, err := t.Lookup(ctx, []string{topic})
	if err != nil {
		return err
	}
	present, exists := infos[topic]
	if !exists {
		n.report("there is no topic %s: nothing to do", topic)
		return nil
	}
	if err := CheckOneHop(ctx, t, h.Prefix); !errors.Is(err, ErrTwoHops) {
		if err == nil {
			n.report("%s takes no writes and is empty: it was done before", topic)
		}
		return err
	}
	if err := kafka.AllStable(ctx, t.Client, topic); err != nil { // a fence keeps out the marker that ends a transaction
		return err
	}
	if err := n.fence(ctx, present); err != nil {
		return fmt.Errorf("fence %s: %w", topic, err)
	}
	n.report("%s takes no writes any more: processors of the earlier release fail from now on, and lose nothing", topic)
	if err := n.abandoned(ctx); err != nil {
		return err
	}
	ends, err := h.drain(ctx, n)
	if err != nil {
		return fmt.Errorf("take the rest of %s to %s: %w", topic, h.Prefix.InboxTable(), err)
	}
	// A group whose commits are notes has no lag.
	var done kadm.Offsets
	for p, end := range ends {
		done.Add(kadm.Offset{Topic: topic, Partition: int32(p), At: end, LeaderEpoch: -1, Metadata: kafka.NoteOf("one hop")})
	}
	written, err := t.Admin.CommitOffsets(ctx, n.Group, done)
	if err := errors.Join(err, written.Error()); err != nil {
		return fmt.Errorf("commit the ends of %s: %w", topic, err)
	}
	if err := kafka.DeleteBefore(ctx, cfg, topic, ends); err != nil {
		return fmt.Errorf("empty %s: %w", topic, err)
	}
	n.report("%s is empty: processors of this release may start; topic %s and group %s may be deleted once no earlier release will run again", topic, topic, n.Group)
	return nil
}

// abandoned waits until the group has no members.
func (n *renewal) abandoned(ctx context.Context) error {
	tick := time.NewTicker(oneHopPoll)
	defer tick.Stop()
	told := ""
	for {
		busy := stopped(ctx, n.Admin, []string{n.Group})
		if busy == nil || !errors.Is(busy, errBusy) {
			return busy
		}
		behind, err := n.behind(ctx)
		if err != nil {
			return err
		}
		text := fmt.Sprintf("waiting for %s to take what lies in %s to the table", n.Group, n.topic)
		if behind == 0 {
			text = fmt.Sprintf("all of %s is in the table; %v", n.topic, busy)
		}
		if text != told {
			n.report("%s", text)
			told = text
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%w; last: %s", ctx.Err(), told)
		}
	}
}

// behind is how many offsets the group has not committed.
func (n *renewal) behind(ctx context.Context) (sum int64, err error) {
	from, ends, err := n.left(ctx)
	for p := range ends {
		sum += ends[p] - from[p]
	}
	return sum, err
}

// left returns where what the group has not committed begins and ends.
func (n *renewal) left(ctx context.Context) (from, ends []int64, err error) {
	committed, err := n.Committed(ctx, n.Group)
	if err != nil {
		return nil, nil, err
	}
	_, logs, err := kafka.RangesOf(ctx, n.Client, n.topic)
	for p, log := range logs {
		at := log.Start
		if c, ok := committed.Lookup(n.topic, int32(p)); ok {
			at = max(at, c.At)
		}
		ends = append(ends, log.End)
		from = append(from, min(at, log.End))
	}
	return from, ends, err
}

// drain writes what the group has left into the inbox table, and returns the ends
// of the topic. Written twice it is the same.
func (h OneHop) drain(ctx context.Context, n *renewal) (ends []int64, err error) {
	from, ends, err := n.left(ctx)
	if err != nil {
		return nil, err
	}
	out, err := n.cfg.NewProducer("belfry-one-hop", true)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	w := &copier{out: out}
	for p := range ends {
		if from[p] == ends[p] {
			continue
		}
		err := table.ScanRange(ctx, n.cfg, n.topic, int32(p), from[p], ends[p], func(m *sarama.ConsumerMessage) error {
			if err := h.Check(string(m.Key), m.Value); err != nil {
				return fmt.Errorf("offset %d of partition %d is no content: %w: let the earlier release set it aside: run its \"belfry processor --groups inbox\" until it has, and then this again", m.Offset, m.Partition, err)
			}
			return w.write(h.Prefix.InboxTable(), string(m.Key), m)
		})
		if err != nil {
			return nil, err
		}
	}
	if err := w.flush(ctx); err != nil {
		return nil, err
	}
	if w.records > 0 {
		n.report("took %d records that %s had left to %s", w.records, n.Group, h.Prefix.InboxTable())
	}
	return ends, nil
}

// ErrTwoHops is matched by the error of [CheckOneHop].
var ErrTwoHops = errors.New("contents of an earlier release may still be on their way")

// CheckOneHop returns an error that matches [ErrTwoHops] if [OneHop] is needed
// before a processor of this release runs: it would write newer contents before
// older ones that still lie in a topic.
func CheckOneHop(ctx context.Context, t *kafka.Topics, prefix belfry.Prefix) error {
	topic := prefix.FormerItems()
	infos, err := t.Lookup(ctx, []string{topic})
	if err != nil {
		return err
	}
	present, exists := infos[topic]
	if !exists {
		return nil
	}
	n := &renewal{Topics: t, topic: topic}
	settings, err := n.describe(ctx, present)
	if err != nil {
		return err
	}
	logs, err := kafka.ListRanges(ctx, t.Client, topic, present.All()...)
	if err != nil {
		return err
	}
	records := int64(0)
	for _, log := range logs {
		records += log.End - log.Start
	}
	switch {
	case !settings.fenced:
		return fmt.Errorf("%w: topic %s takes writes", ErrTwoHops, topic)
	case records > 0:
		return fmt.Errorf("%w: topic %s has %d records", ErrTwoHops, topic, records)
	}
	return nil
}
