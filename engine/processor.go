package engine

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"

	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/store"
)

// Group describes one consumer group.
type Group struct {
	// Graph is the goka definition. Its input codecs are Bytes and its
	// callbacks are made by Callback.
	Graph *goka.GroupGraph
	// OnSession, if not nil, is called with what the brokers say of the inputs and of the
	// topics of Lookup before the first record of each session (after each rebalance).
	OnSession func(map[string]kafka.TopicInfo)
	Lookup    []string
	// Begin, if not nil, is called for each partition of a session once its table is
	// recovered, and before its first record; not for a refused one. Calls come at once.
	// An error ends the processor, which is built anew.
	Begin func(ctx context.Context, p *Partition) error
	// Positional says that offsets mean something to the callbacks. Then a
	// partition whose log is not the one that was processed (restored from a
	// backup, cut short by an unclean election) is refused instead of read on.
	Positional bool
	// Start, if not nil, is asked where to begin when nothing was ever committed
	// for any partition of the topic. The answer is committed for all its
	// partitions before the first record is read, and is never asked for again;
	// partitions that come later begin at their oldest record. It may use the
	// Topics, and may be called again if the commit fails. Nil is the oldest
	// record, with no commit before the first record is processed.
	Start func(*kafka.Topics) (Start, error)
	// Transient says that the input topic comes, goes and grows as others
	// please: that it does not exist is no failure, but waited for.
	Transient bool
	// Remedy says what an operator does about a refused partition, or one
	// that lacks something, for the log and the [Refusal] or [Lack].
	Remedy string
	// CommitInterval is the time between two commits of what is completed; 0: a second. A
	// process that is killed has done that much which is done again.
	CommitInterval time.Duration
	// Batches, if not nil, has a callback process all records of one key that are at
	// hand at once.
	Batches *Batches
	// Written, if not nil, gets the timestamp of each record once all that its
	// callback wrote is acknowledged. It must not block; calls may come at once.
	Written func(timestamp time.Time)
	// Backlog, if not nil, counts what the group has yet to process.
	Backlog *Backlog
	// Timers, if not nil, are kept of the rows of the group's table.
	Timers *Timers
	// Options are passed to goka after our own: the seam for tests.
	Options []goka.ProcessorOption
}

// Processor runs one member of a consumer group and builds it anew when it
// fails.
type Processor struct {
	cfg      kafka.Config
	group    Group
	sup      *Supervisor
	recovery recovery
	changes  rebalances

	claims atomic.Pointer[[]Claimed] // of the present session; not modified
}

// Claimed is a partition that a group's session has.
type Claimed struct {
	Topic     string
	Partition int32
}

// NewProcessor returns a processor that does nothing until Run.
func NewProcessor(cfg kafka.Config, g Group) *Processor {
	return &Processor{cfg: cfg, group: g, sup: NewSupervisor("processor "+string(g.Graph.Group()), &cfg)}
}

// Run processes until ctx ends, then stops cleanly: writes in flight are
// awaited, completed offsets committed. It may be called once. Its error is nil,
// or matches [ErrFenced].
func (p *Processor) Run(ctx context.Context) error { return p.sup.Run(ctx, p.attempt) }

// Status tells what the processor is doing.
func (p *Processor) Status() Status {
	s := p.sup.Snapshot()
	if s.Phase == Recovering {
		s.Recovery = p.recovery.snapshot()
	}
	return s
}

// Group is the name of the consumer group.
func (p *Processor) Group() string { return string(p.group.Graph.Group()) }

// Partitions are those that the processor has in the present session, also the
// refused ones; none between sessions. It may be called at any time.
func (p *Processor) Partitions() []Claimed {
	if claims := p.claims.Load(); claims != nil {
		return *claims
	}
	return nil
}

func (p *Processor) attempt(ctx context.Context) (ended error) {
	topics, err := kafka.OpenTopics(p.cfg)
	if err != nil {
		return err
	}
	defer topics.Close()
	var out atomic.Pointer[kafka.Producer]
	g := p.newGroup(topics)
	if err := g.previous.leave(ctx, topics.Client); err != nil {
		p.sup.Log.Warn("last member not taken out of its group: its partitions wait for the session time-out", "group", g.name, "err", err)
	}
	if err := p.missing(ctx, topics); err != nil {
		return err
	}
	store, err := p.openStore(topics)
	if err != nil {
		return err
	}
	if store != nil {
		g.hold = holdOf(p.group.Timers, store)
		defer func() { ended = errors.Join(ended, store.Close()) }()
		g.readAhead = func(partition int32, keys []string) {
			if err := store.ReadAhead(partition, keys); err != nil {
				p.sup.Log.Debug("rows are not read ahead, the next look at one tells more", "err", err)
			}
		}
	}
	options := p.options(g, store, &out)
	processor, err := goka.NewProcessor(p.cfg.Brokers, p.group.Graph, options...)
	if err != nil {
		return fmt.Errorf("build processor: %w", err)
	}
	// The state follows goka's own, which goes back and forth with rebalances.
	watchCtx, stop := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { p.follow(watchCtx, processor.StateReader()) })
	err = kafka.GiveUp(ctx, &out, func() error { return processor.Run(ctx) })
	stop()
	watch.Wait()
	if g.fenced.Load() {
		return fmt.Errorf("%w: %s: give each process an --instance-id of its own", ErrFenced, p.cfg.InstanceID)
	}
	if ctx.Err() == nil {
		if gone := p.missing(ctx, topics); gone != nil {
			return gone // whatever followed from it
		}
	}
	if err == nil && ctx.Err() == nil {
		return fmt.Errorf("processor %s ended without a reason", p.group.Graph.Group())
	}
	return err
}

// missing returns an error that matches errGone if an input of a transient group
// does not exist.
func (p *Processor) missing(ctx context.Context, topics *kafka.Topics) error {
	if !p.group.Transient {
		return nil
	}
	names := p.inputs()
	infos, err := topics.Lookup(ctx, names)
	if err != nil {
		return nil // what is wrong shows in what follows
	}
	for _, name := range names {
		if _, ok := infos[name]; !ok {
			return fmt.Errorf("%w: %s does not exist", errGone, name)
		}
	}
	return nil
}

func (p *Processor) follow(ctx context.Context, state goka.StateReader) {
	phases := map[goka.State]Phase{
		goka.ProcStateStarting: Starting, goka.ProcStateSetup: Recovering, goka.ProcStateRunning: Running,
	}
	if !p.hasStore() {
		phases[goka.ProcStateSetup] = Starting
	}
	observer := state.ObserveStateChange()
	defer observer.Stop()
	for {
		select {
		case s := <-observer.C():
			if phase, ok := phases[s]; ok {
				p.sup.Enter(phase)
			}
		case <-ctx.Done():
			return
		}
	}
}

func (p *Processor) newGroup(topics *kafka.Topics) *group {
	g := &group{
		Group: p.group, name: p.Group(), inputs: p.inputs(), topics: topics, refused: p.sup.refuse, instanceID: p.cfg.InstanceID, sup: p.sup,
		previous: previousMember(&p.cfg, p.Group()), log: p.sup.Log, changes: &p.changes, claimed: &p.claims,
	}
	g.onSession = func(infos map[string]kafka.TopicInfo) {
		p.recovery.reset()
		if p.group.OnSession != nil {
			p.group.OnSession(infos)
		}
	}
	return g
}

// inputs are the topics that the group reads.
func (p *Processor) inputs() (names []string) {
	for _, edge := range p.group.Graph.InputStreams() {
		names = append(names, edge.Topic())
	}
	return names
}

func (p *Processor) options(g *group, s *store.Store, out *atomic.Pointer[kafka.Producer]) []goka.ProcessorOption {
	options := []goka.ProcessorOption{
		goka.WithClientID("belfry-" + string(p.group.Graph.Group())),
		goka.WithLogger(gokaLogger{p.sup.Log}),
		goka.WithHasher(kafka.Hasher),
		goka.WithNilHandling(goka.NilProcess),
		goka.WithContextWrapper(g.wrap),
		goka.WithPartitionChannelSize(256),
		goka.WithProducerBuilder(p.producer(g, out)),
		goka.WithConsumerSaramaBuilder(p.consumer),
		goka.WithConsumerGroupBuilder(func(brokers []string, name, _ string) (sarama.ConsumerGroup, error) {
			sc, err := p.cfg.SaramaInflated()
			if err != nil {
				return nil, err
			}
			if p.group.CommitInterval > 0 {
				sc.Consumer.Offsets.AutoCommit.Interval = p.group.CommitInterval
			}
			sc.Consumer.Fetch.Default = fetchBytes
			if p.group.Batches != nil {
				sc.ChannelBufferSize = batchChannel // our windows hold what is at hand, and are bounded in bytes
			}
			g.ConsumerGroup, err = sarama.NewConsumerGroup(brokers, name, sc)
			return g, err
		}),
	}
	manager := topicManager(g)
	if s != nil {
		options = append(options, goka.WithStorageBuilder(g.tables.watch(p.recovery.watch(ownOffsets(s.OpenPartition)))))
		manager = p.recovery.bound(p.group.Graph.GroupTable().Topic(), manager)
	}
	options = append(options, goka.WithTopicManagerBuilder(manager))
	return append(options, p.group.Options...)
}

func (p *Processor) hasStore() bool { return p.group.Graph.GroupTable() != nil }

// producer builds what goka writes with; what it builds is also stored in out.
func (p *Processor) producer(g *group, out *atomic.Pointer[kafka.Producer]) goka.ProducerBuilder {
	return func(_ []string, clientID string, _ func() hash.Hash32) (goka.Producer, error) {
		made, err := p.cfg.NewProducer(clientID, true)
		if err != nil {
			return nil, err
		}
		out.Store(made)
		table := ""
		if p.hasStore() {
			table = p.group.Graph.GroupTable().Topic()
		}
		rows := newRowProducer(made, table)
		g.rows.Store(rows)
		return rows, nil
	}
}

// openStore opens the store of the group's table; nil if it needs none.
func (p *Processor) openStore(topics *kafka.Topics) (*store.Store, error) {
	if !p.hasStore() {
		return nil, nil
	}
	table := p.group.Graph.GroupTable()
	infos, err := topics.Info(table.Topic())
	if err != nil {
		return nil, err
	}
	end := func(partition int32) (int64, error) {
		return offsetOf(topics, table.Topic(), partition, kafka.LogEnd)
	}
	s, err := store.Open(filepath.Join(p.cfg.StateDir, "processors"), table.Topic(), infos[table.Topic()].ID, end, p.sup.Log)
	if err == nil && p.group.Timers != nil {
		s.IndexDue(p.group.Timers.Due, p.group.Timers.Policy)
	}
	return s, err
}

// consumer builds what goka reads tables with: nothing for a group without one.
func (p *Processor) consumer(brokers []string, clientID string) (sarama.Consumer, error) {
	if p.group.Graph.GroupTable() == nil {
		return noConsumer{}, nil
	}
	sc, err := p.cfg.Sarama()
	if err != nil {
		return nil, err
	}
	return goka.SaramaConsumerBuilderWithConfig(sc)(brokers, clientID)
}

// gokaLogger takes goka's lines into slog at debug level: what matters of them
// comes back as errors, which the supervisor logs.
type gokaLogger struct{ log *slog.Logger }

func (l gokaLogger) Print(args ...any)   { l.debug(fmt.Sprint(args...)) }
func (l gokaLogger) Println(args ...any) { l.debug(fmt.Sprintln(args...)) }
func (l gokaLogger) Printf(format string, args ...any) {
	l.debug(fmt.Sprintf(format, args...))
}

func (l gokaLogger) debug(line string) {
	l.log.Debug("goka", "line", strings.TrimSpace(line))
}
