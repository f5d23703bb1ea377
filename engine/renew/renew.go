package renew

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/table"
)

// Renewal is a topic that is to be deleted and created again, since its log is
// not the one that was processed, without losing what was not.
type Renewal struct {
	// Spec is what the topic must be like. Its number of partitions counts for
	// nothing: the topic keeps the one that it has.
	Spec belfry.TopicSpec
	// Group is the consumer group that processes the topic.
	Group string
	// Stopped tells which groups must have no members meanwhile.
	Stopped func(group string) bool
	// File is where the copy goes; "" is <topic>-<epoch>.ndjson in the working
	// directory.
	File string
	// Report is called with each step.
	Report func(kafka.Change)
}

// renewal is one under way.
type renewal struct {
	Renewal
	*kafka.Topics
	cfg   kafka.Config
	topic string
}

// Renew copies what the group has not processed to a file, deletes the topic,
// creates it again and writes the copy into it, partition for partition and in
// order, each record with one header more (see deadletter.HeaderCopied). Until the
// copy is complete, on the disk and read back nothing is deleted; from then on
// calling it again goes on where it was interrupted, and writes no record twice.
//
// The topic takes no writes from the last look at it to its deletion, so that
// nothing which was acknowledged is missing from the copy. Writers that are not
// stopped get errors meanwhile. Their records of the time when the topic is
// there again may come before those of the copy.
func Run(ctx context.Context, t *kafka.Topics, cfg kafka.Config, r Renewal) error {
	n := &renewal{Renewal: r, Topics: t, cfg: cfg, topic: r.Spec.Name}
	infos, err := t.Existing(n.topic)
	if err != nil {
		return err
	}
	present, exists := infos[n.topic]
	if exists {
		if err := n.liftOldFence(ctx, present); err != nil {
			return err
		}
	}
	if err := n.stopped(ctx); err != nil {
		return err
	}
	saved, err := n.unfinished(ctx, present.ID)
	switch {
	case err != nil:
		return err
	case saved != nil:
		n.report("going on with %s, the copy of a former %s: %d records", saved.path, n.topic, saved.records)
	case !exists:
		return fmt.Errorf("%w: %s does not exist, and there is no copy of it here: name the copy if there is one, or create the topic with %q", kafka.ErrTopic, n.topic, n.cfg.TopicsCommand())
	default:
		if saved, err = n.remove(ctx, present); err != nil {
			return fmt.Errorf("renew %s: %w", n.topic, err)
		}
	}
	if err := n.restore(ctx, saved); err != nil {
		return fmt.Errorf("renew %s: %w: the old topic is deleted, and what was not processed is in %s: run it again to go on from there", n.topic, err, saved.path)
	}
	return nil
}

func (n *renewal) report(format string, args ...any) {
	n.Report(kafka.Change(fmt.Sprintf(format, args...)))
}

// stopped returns an error if a group that must have no members has some.
func (n *renewal) stopped(ctx context.Context) error {
	all, err := n.Admin.ListGroups(ctx)
	if err != nil {
		return fmt.Errorf("list groups: %w", err)
	}
	// Its own also if a coordinator that is still loading leaves it out.
	return stopped(ctx, n.Admin, append(slices.DeleteFunc(all.Groups(), func(name string) bool { return name == n.Group || !n.Stopped(name) }), n.Group))
}

var errBusy = errors.New("stop all processors")

// stopped returns an error that matches errBusy if one of the groups has members.
func stopped(ctx context.Context, admin *kadm.Client, groups []string) error {
	var found kadm.DescribedGroups
	err := kafka.Patiently(ctx, func(ctx context.Context) (err error) {
		if found, err = admin.DescribeGroups(ctx, groups...); err != nil {
			return fmt.Errorf("describe groups: %w", err)
		}
		for _, group := range found.Sorted() {
			if group.Err != nil && !errors.Is(group.Err, kerr.GroupIDNotFound) {
				return fmt.Errorf("describe group %s: %w", group.Group, group.Err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	var busy []string
	for _, group := range found.Sorted() {
		if len(group.Members) > 0 {
			busy = append(busy, fmt.Sprintf("group %s has %d members", group.Group, len(group.Members)))
		}
	}
	if len(busy) > 0 {
		return fmt.Errorf("%w first (one that was killed is a member until its session time-out): %s", errBusy, strings.Join(busy, ", "))
	}
	return nil
}

// remove copies the present topic and deletes it. If anything fails before that,
// the topic takes writes again.
func (n *renewal) remove(ctx context.Context, present kafka.TopicInfo) (saved *copied, err error) {
	header, err := n.describe(ctx, present)
	if err != nil {
		return nil, err
	}
	deleted := false
	defer func() {
		if !deleted {
			err = errors.Join(err, n.unlimit(ctx, header))
		}
	}()
	if saved, err = n.save(ctx, present, header); err != nil {
		return nil, fmt.Errorf("%w: nothing was deleted, run it again", err)
	}
	if _, err := n.Admin.DeleteTopic(context.WithoutCancel(ctx), n.topic); err != nil {
		// The answer may be what was lost.
		if infos, lookupErr := n.Existing(n.topic); lookupErr != nil || infos[n.topic].ID == present.ID {
			return nil, errors.Join(fmt.Errorf("delete topic: %w: run it again; the copy is %s", err, saved.path), lookupErr)
		}
	}
	deleted = true
	n.report("deleted %s of epoch %s", n.topic, header.Epoch)
	return saved, nil
}

// save returns a complete copy of a topic that takes no writes any more.
func (n *renewal) save(ctx context.Context, present kafka.TopicInfo, header copyHeader) (saved *copied, err error) {
	parts, err := n.plan(ctx, present)
	if err != nil {
		return nil, err
	}
	w, err := createCopy(n.path(header.Epoch), header)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.discard()) }()
	// First what there is, so that the topic refuses writes for a short time.
	if err := n.copy(ctx, w, parts); err != nil {
		return nil, err
	}
	// Before the fence, which keeps out the marker that ends a transaction, too.
	if err := kafka.AllStable(ctx, n.Client, n.topic); err != nil {
		return nil, err
	}
	if err := n.fence(ctx, present); err != nil {
		return nil, err
	}
	if err := errors.Join(kafka.AllStable(ctx, n.Client, n.topic), n.copy(ctx, w, parts)); err != nil {
		return nil, err
	}
	if saved, err = w.finish(); err != nil {
		return nil, err
	}
	n.report("copied %d records of %d partitions to %s", saved.records, present.Partitions, saved.path)
	if err := errors.Join(n.unchanged(ctx, present, parts), ctx.Err()); err != nil {
		// Left there, it could be taken for that of a topic deleted later.
		return nil, errors.Join(err, os.Remove(saved.path))
	}
	return saved, nil
}

// copy adds what came since the last call, at first all that there is.
func (n *renewal) copy(ctx context.Context, w *copyWriter, parts []*part) error {
	logs, err := kafka.ListRanges(ctx, n.Client, n.topic, kafka.TopicInfo{Partitions: len(parts)}.All()...)
	if err != nil {
		return err
	}
	for i, p := range parts {
		end := logs[i].Stable
		err := table.ScanFrom(ctx, n.cfg, n.topic, p.partition, p.next, end, func(m *sarama.ConsumerMessage) error {
			if p.processed(m) {
				return nil
			}
			return w.add(m)
		})
		if err != nil {
			return err
		}
		p.next = end
	}
	return nil
}

// unchanged returns an error unless the topic is still what was copied.
func (n *renewal) unchanged(ctx context.Context, present kafka.TopicInfo, parts []*part) error {
	if err := n.stopped(ctx); err != nil {
		return err
	}
	infos, err := n.Info(n.topic)
	if err != nil {
		return err
	}
	if infos[n.topic] != present {
		return fmt.Errorf("%w: %s was changed meanwhile by somebody else", kafka.ErrTopic, n.topic)
	}
	ends, err := n.ends(ctx, len(parts))
	if err != nil {
		return err
	}
	for i, p := range parts {
		if ends[i] != p.next {
			return fmt.Errorf("%s/%d ends at %d now, and was copied to %d", n.topic, p.partition, ends[i], p.next)
		}
	}
	return nil
}

// awaitGone waits until no broker knows the incarnation of that ID, in hex, any
// more: one that does would answer for it.
func (n *renewal) awaitGone(ctx context.Context, id string) error {
	return n.OnEachBroker(ctx, "has forgotten the old "+n.topic, func(ctx context.Context, b *kgo.Broker) (bool, error) {
		topics, err := kafka.MetadataFrom(ctx, b, n.topic)
		return !slices.ContainsFunc(topics, func(t kmsg.MetadataResponseTopic) bool {
			return t.ErrorCode == 0 && fmt.Sprintf("%x", t.TopicID) == id
		}), err
	})
}
