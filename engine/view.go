package engine

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
	"github.com/lovoo/goka/storage"

	"github.com/belfry/belfry"
)

// Table describes one table to view.
type Table struct {
	Topic string
	// Accept, if not nil, decides whether a new value may take the place of the
	// old one; both are not nil. It is how a row never goes back.
	Accept func(old, new []byte) bool
	// Changed, if not nil, is called after a value was written or deleted and
	// can be read. It must not block.
	Changed func(key string)
}

// View holds a copy of a whole table and builds itself anew when it fails.
type View struct {
	cfg       Config
	table     Table
	sup       *supervisor
	current   atomic.Pointer[viewStores] // what may be read; nil if nothing may
	recovered atomic.Bool
	last      TopicID // the incarnation recovered last; belongs to Run
	refused   atomic.Int64
	progress  progress
}

// NewView returns a view that does nothing until Run.
func NewView(cfg Config, t Table) *View {
	return &View{cfg: cfg, table: t, sup: newSupervisor("view "+t.Topic, cfg.logger())}
}

// Run keeps the view up to date until ctx ends. It may be called once. It
// returns nil.
func (v *View) Run(ctx context.Context) error { return v.sup.run(ctx, v.attempt) }

// Status tells what the view is doing.
func (v *View) Status() Status { return v.sup.snapshot() }

// Recovered reports whether the view has held the whole table once. It stays
// true: a view that lost its brokers still answers, with what it had.
func (v *View) Recovered() bool { return v.recovered.Load() }

// Refused is how many values were not accepted so far.
func (v *View) Refused() int64 { return v.refused.Load() }

// Lag is how many records of the table the view has not applied yet, as far as
// the brokers have told it.
func (v *View) Lag() int64 { return v.progress.lag(v.table.Topic) }

// Get returns the value of key, nil if there is none. The error matches
// belfry.ErrNotReady until the view has recovered once and while it is built
// anew. The caller owns the result.
func (v *View) Get(key string) ([]byte, error) {
	current := v.current.Load()
	if current == nil || !v.recovered.Load() {
		return nil, fmt.Errorf("read %s: %w", v.table.Topic, belfry.ErrNotReady)
	}
	value, err := current.get(key)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", v.table.Topic, err)
	}
	return value, nil
}

func (v *View) attempt(ctx context.Context) (ended error) {
	topics, err := OpenTopics(v.cfg)
	if err != nil {
		return err
	}
	defer topics.Close()
	infos, err := topics.Info(v.table.Topic)
	if err != nil {
		return err
	}
	info := infos[v.table.Topic]
	end := func(partition int32) (int64, error) {
		return topics.client.GetOffset(v.table.Topic, partition, sarama.OffsetNewest)
	}
	store, err := openStore(filepath.Join(v.cfg.StateDir, "views"), v.table.Topic, info.ID, end, v.sup.log)
	if err != nil {
		return err
	}
	defer func() { ended = errors.Join(ended, store.Close()) }()
	var opened closers
	defer opened.close()
	reads := newViewStores(info.Partitions)
	view, err := goka.NewView(v.cfg.Brokers, goka.Table(v.table.Topic), Bytes{}, v.options(reads.storage(store.open), &opened)...)
	if err != nil {
		return fmt.Errorf("build view: %w", err)
	}
	defer v.current.Store(nil)
	if v.last == info.ID {
		// The kept stores hold all that was there when they were recovered.
		v.current.Store(reads)
	}
	v.sup.enter(Recovering)
	running, stop := context.WithCancel(ctx)
	var wait sync.WaitGroup
	wait.Go(func() {
		select {
		case <-view.WaitRunning():
			v.last = info.ID
			v.current.Store(reads)
			v.recovered.Store(true)
			v.sup.enter(Running)
		case <-running.Done():
		}
	})
	// With ctx alone, some goroutines of a view that failed would live on.
	err = view.Run(running)
	stop()
	wait.Wait()
	if err == nil && ctx.Err() == nil {
		return errors.New("view ended without a reason")
	}
	return err
}

func (v *View) options(store storage.Builder, opened *closers) []goka.ViewOption {
	return []goka.ViewOption{
		goka.WithViewClientID("belfry-view-" + v.table.Topic),
		goka.WithViewLogger(gokaLogger{v.sup.log}),
		goka.WithViewHasher(Hasher),
		goka.WithViewCallback(v.update),
		goka.WithViewStorageBuilder(v.progress.storage(store)),
		goka.WithViewAutoReconnect(),
		goka.WithViewBackoffBuilder(func() (goka.Backoff, error) {
			return goka.NewSimpleBackoff(200*time.Millisecond, time.Second), nil
		}),
		// goka never closes these two.
		goka.WithViewConsumerSaramaBuilder(func(brokers []string, clientID string) (sarama.Consumer, error) {
			c, err := v.cfg.consumer()(brokers, clientID)
			if err == nil {
				v.progress.consumer.Store(&c)
				opened.add(c.Close)
			}
			return c, err
		}),
		goka.WithViewTopicManagerBuilder(func(brokers []string) (goka.TopicManager, error) {
			tm, err := v.cfg.topicManager(false)(brokers)
			if err == nil {
				opened.add(tm.Close)
			}
			return tm, err
		}),
	}
}

// update is goka's callback for every record, in recovery too.
func (v *View) update(ctx goka.UpdateContext, s storage.Storage, key string, value []byte) error {
	accepted, err := v.write(s, key, value)
	v.progress.applied(ctx.Partition(), ctx.Offset())
	if err != nil {
		return fmt.Errorf("write %s: %w", key, err)
	}
	if !accepted {
		v.refused.Add(1)
	} else if v.table.Changed != nil {
		v.table.Changed(key)
	}
	return nil
}

func (v *View) write(s storage.Storage, key string, value []byte) (bool, error) {
	if value == nil {
		return true, s.Delete(key)
	}
	if v.table.Accept != nil {
		old, err := s.Get(key)
		if err != nil {
			return false, err
		}
		if old != nil && !v.table.Accept(old, value) {
			return false, nil
		}
	}
	return true, s.Set(key, value)
}

// closers are things to close in the end, each once; goka closes some itself,
// so their errors mean nothing.
type closers struct{ all []func() error }

func (c *closers) add(f func() error) { c.all = append(c.all, f) }

func (c *closers) close() {
	for _, f := range c.all {
		_ = f()
	}
}
