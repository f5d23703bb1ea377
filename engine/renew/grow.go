package renew

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/table"
)

// Growth is an installation that gets another prefix, and with it another number
// of partitions, which cannot change otherwise.
type Growth struct {
	From, To belfry.Prefix // the topics of both must exist
	// Boards says what partitions' own rows are; nil: nothing that users have anything of.
	Boards *Boards
	// Report is called with each step.
	Report func(kafka.Change)
}

// Boards says of rows of the unread table, as encoded, what growing has to know.
type Boards struct {
	// Holds reports whether a partition's own row ever had a notice, and whether it has one
	// that is live or scheduled.
	Holds func(row []byte) (ever, now bool, err error)
	// Version is that of a user's row or a partition's own.
	Version func(row []byte) (uint64, error)
	// Forget makes one of the own rows of several partitions, none of which has a notice, for
	// a partition with users of all of them. Version is above that of every row.
	Forget func(rows [][]byte, version uint64) ([]byte, error)
}

// growth is one under way.
type growth struct {
	Growth
	*kafka.Topics
	cfg    kafka.Config
	boards bool   // boards are copied
	board  []byte // that of each new partition, if they are not; nil for none
}

// ErrMultiple is matched by the error for a number of partitions that boards with notices
// cannot be copied to.
var ErrMultiple = errors.New("not a multiple of the old number of partitions")

// Grow copies both tables, row by row as they are, into the partitions that
// their keys have in the new ones. Rows name the journal that they were folded
// from, so that the new one counts as a new epoch: versions and seqs go on, and
// identities stay known. Offsets of routers of topics that do not bear the
// prefix go along.
//
// While there is a notice on a partition's board the new number must be a multiple of the
// old one, else the error matches [ErrMultiple]: then the users of a new partition are all of
// one old one, whose board and contents are copied to it. Once there is none any number will
// do: what rows may still hold of notices of before is behind a horizon of the new boards.
//
// Nothing of the old installation is changed. Its processors must have ended and
// must have processed all, those of the new one must never have run: otherwise
// nothing is copied. Calling it again does no harm until they run.
func Grow(ctx context.Context, cfg kafka.Config, g Growth) error {
	topics, err := kafka.OpenTopics(cfg)
	if err != nil {
		return err
	}
	defer topics.Close()
	w := &growth{Growth: g, Topics: topics, cfg: cfg}
	oneHop := func(ctx context.Context) error { return CheckOneHop(ctx, topics, g.From) }
	for _, check := range []func(context.Context) error{w.stopped, w.fresh, oneHop, w.done, w.survey} {
		if err := check(ctx); err != nil {
			return fmt.Errorf("grow %s: %w", g.From, err)
		}
	}
	for _, tables := range []tables{{g.From.InboxTable(), g.To.InboxTable(), nil}, {g.From.UnreadTable(), g.To.UnreadTable(), w.board}} {
		if err := w.copy(ctx, tables); err != nil {
			return fmt.Errorf("grow %s: copy %s: %w", g.From, tables.from, err)
		}
	}
	if err := w.routers(ctx); err != nil {
		return fmt.Errorf("grow %s: %w", g.From, err)
	}
	// Records written meanwhile are in no table.
	if err := errors.Join(w.stopped(ctx), w.done(ctx)); err != nil {
		return fmt.Errorf("grow %s: while it was copied: %w", g.From, err)
	}
	return nil
}

// inputs returns the groups of the old installation with their inputs, those of
// other source topics included.
func (g *growth) inputs(ctx context.Context) (map[string][]string, error) {
	inputs := g.From.GroupInputs()
	listed, err := g.Admin.ListGroups(ctx)
	if err != nil {
		return nil, fmt.Errorf("list groups: %w", err)
	}
	for _, group := range listed.Groups() {
		if topic, ok := strings.CutPrefix(group, g.From.RouterGroup("")); ok {
			inputs[group] = []string{topic}
		}
	}
	return inputs, nil
}

// stopped returns an error if a group of either installation has members.
func (g *growth) stopped(ctx context.Context) error {
	inputs, err := g.inputs(ctx)
	if err != nil {
		return err
	}
	maps.Copy(inputs, g.To.GroupInputs())
	return stopped(ctx, g.Admin, slices.Sorted(maps.Keys(inputs)))
}

// fresh returns an error if the new installation has processed anything: rows
// of its own would be written over.
func (g *growth) fresh(ctx context.Context) error {
	committed, err := g.Committed(ctx, g.To.UnreadGroup())
	if err != nil {
		return err
	}
	used := false
	committed.Each(func(o kadm.OffsetResponse) { used = used || o.At > 0 })
	if used {
		return fmt.Errorf("%s has processed records already: choose a --prefix that was never used", g.To.UnreadGroup())
	}
	return nil
}

// done returns an error if the old installation has not processed all that it
// holds. The new installation reads the rest of other source topics.
func (g *growth) done(ctx context.Context) error {
	inputs, err := g.inputs(ctx)
	if err != nil {
		return err
	}
	var left []string
	for _, group := range slices.Sorted(maps.Keys(inputs)) {
		if !g.From.Owns(inputs[group][0]) {
			continue
		}
		committed, err := g.Committed(ctx, group)
		if err != nil {
			return err
		}
		behind := int64(0)
		for _, topic := range inputs[group] {
			_, logs, err := kafka.RangesOf(ctx, g.Client, topic)
			if err := errors.Join(err, kafka.AllStable(ctx, g.Client, topic)); err != nil {
				return err
			}
			for p, log := range logs {
				at := log.Start
				if c, ok := committed.Lookup(topic, int32(p)); ok {
					at = max(at, c.At)
				}
				end, err := g.RecordsEnd(ctx, topic, int32(p), min(at, log.Stable), log.Stable)
				if err != nil {
					return err
				}
				behind += max(end-at, 0)
			}
		}
		if behind > 0 {
			left = append(left, fmt.Sprintf("group %s has not processed %d records", group, behind))
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("have nobody write to it, let its processors finish, and stop them: %s", strings.Join(left, ", "))
	}
	return nil
}

// survey finds what becomes of boards, and returns an error if they cannot be copied and
// have notices.
func (g *growth) survey(ctx context.Context) error {
	from, to := g.From.UnreadTable(), g.To.UnreadTable()
	infos, err := g.Info(from, to)
	if err != nil || g.Boards == nil {
		return err
	}
	var rows [][]byte
	var highest uint64
	var unread error // of a row
	var ever, now bool
	for _, partition := range infos[from].All() {
		var own []byte
		err := table.Scan(ctx, g.cfg, from, partition, func(m *sarama.ConsumerMessage) error {
			if string(m.Key) == belfry.PartitionKey(partition) {
				own = slices.Clone(m.Value)
			}
			if m.Value == nil {
				return nil
			}
			version, err := g.Boards.Version(m.Value)
			highest = max(highest, version)
			if err != nil {
				unread = fmt.Errorf("a row of partition %d of %s: %w", partition, from, err)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if own == nil {
			continue
		}
		was, is, err := g.Boards.Holds(own)
		if err != nil {
			return fmt.Errorf("row %s of %s: %w", belfry.PartitionKey(partition), from, err)
		}
		rows, ever, now = append(rows, own), ever || was, now || is
	}
	was, is := infos[from].Partitions, infos[to].Partitions
	switch {
	case !ever:
	case is%was == 0:
		g.boards = true
	case now:
		return fmt.Errorf("%d partitions are %w, %d, and there are notices to many: take %d, %d or another multiple, with a --prefix that has no topics yet (those of %s can be deleted); "+
			"or start the processors of %s once more, retract what `belfry broadcast list` shows or let it expire, and take any number then",
			is, ErrMultiple, was, 2*was, 3*was, g.To, g.From)
	case unread != nil:
		return fmt.Errorf("%d partitions are %w, %d, and what rows have of notices of before cannot be told: %w", is, ErrMultiple, was, unread)
	default:
		if g.board, err = g.Boards.Forget(rows, highest+1); err != nil {
			return fmt.Errorf("rows of partitions of %s: %w", from, err)
		}
	}
	return nil
}

// keys are the keys of a record in the new tables: what is a partition's own goes to all
// that have its users, if boards are copied, and else to none.
func (g *growth) keys(key []byte, was, is int) []string {
	name, rest, content := strings.Cut(string(key), "/")
	partition, own := belfry.ParsePartitionKey(name)
	if !own {
		return []string{string(key)}
	}
	if content {
		rest = "/" + rest
	}
	var keys []string
	for ; g.boards && int(partition) < is; partition += int32(was) {
		keys = append(keys, belfry.PartitionKey(partition)+rest)
	}
	return keys
}

// tables are one of the old installation, the one that it is copied to, and what partitions'
// own rows are there if they are not copied, nil for none.
type tables struct {
	from, to string
	own      []byte
}

// copy writes every record of a table into another one, with its time and its
// headers. Those of one key keep their order, since both tables have them in
// one partition.
func (g *growth) copy(ctx context.Context, t tables) (err error) {
	from, to := t.from, t.to
	out, err := g.cfg.NewProducer("belfry-grow", true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	infos, err := g.Info(from, to)
	if err := errors.Join(err, kafka.AllStable(ctx, g.Client, from)); err != nil {
		return err
	}
	w := &copier{out: out}
	for _, partition := range infos[from].All() {
		err := table.Scan(ctx, g.cfg, from, partition, func(m *sarama.ConsumerMessage) error {
			for _, key := range g.keys(m.Key, infos[from].Partitions, infos[to].Partitions) {
				if err := w.write(to, key, m); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if t.own != nil {
		for _, partition := range infos[to].All() {
			own := &sarama.ConsumerMessage{Value: t.own, Timestamp: time.Now()}
			if err := w.write(to, belfry.PartitionKey(partition), own); err != nil {
				return err
			}
		}
	}
	if err := w.flush(ctx); err != nil {
		return err
	}
	g.Report(kafka.Change(fmt.Sprintf("copied %d records of %s (%d partitions) to %s (%d partitions)",
		w.records, from, infos[from].Partitions, to, infos[to].Partitions)))
	return nil
}

// copier writes records into another topic, as they are but for their keys.
type copier struct {
	out     *kafka.Producer
	records int // written so far

	mu     sync.Mutex
	failed error
}

// write returns the error of an earlier write, too.
func (c *copier) write(to, key string, m *sarama.ConsumerMessage) error {
	c.records++
	c.out.Produce(&kgo.Record{Topic: to, Key: []byte(key), Value: m.Value, Timestamp: m.Timestamp, Headers: kafka.RecordHeaders(kafka.Headers(m))}, func(r *kgo.Record, err error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if err != nil && c.failed == nil {
			c.failed = fmt.Errorf("write %s: %w", r.Topic, err)
		}
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed
}

// flush waits until all is acknowledged.
func (c *copier) flush(ctx context.Context) error {
	if err := c.out.Client.Flush(ctx); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed
}

// routers has the new groups go on where the old ones ended, in source topics
// that stay the same.
func (g *growth) routers(ctx context.Context) error {
	inputs, err := g.inputs(ctx)
	if err != nil {
		return err
	}
	for _, group := range slices.Sorted(maps.Keys(inputs)) {
		topic, ok := strings.CutPrefix(group, g.From.RouterGroup(""))
		if !ok || topic == g.From.Notifications() {
			continue
		}
		committed, err := g.Committed(ctx, group)
		if err != nil {
			return err
		}
		next := g.To.RouterGroup(topic)
		written, err := g.Admin.CommitOffsets(ctx, next, committed.Offsets())
		if err == nil {
			err = written.Error()
		}
		if err != nil {
			return fmt.Errorf("commit the offsets of %s: %w", next, err)
		}
		g.Report(kafka.Change(fmt.Sprintf("%s goes on where %s has ended", next, group)))
	}
	return nil
}
