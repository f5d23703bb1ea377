package table

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/store"
)

// errGap says that the topic does not go on where the view has stopped: records
// that the view has not seen were removed, or some that it has seen are not
// there any more.
var errGap = errors.New("the log does not go on where the view has stopped")

// attempt follows the table until ctx ends or something fails that asking the
// brokers again does not cure.
func (v *View) attempt(ctx context.Context) error {
	feed, err := openFeed(&v.cfg, v.table.Topic, "belfry-view-"+v.table.Topic, kgo.ConsumeResetOffset(kgo.NoResetOffset()))
	if err != nil {
		return err
	}
	defer feed.close()
	out := &outage{sup: v.sup, phase: engine.Recovering}
	var info kafka.TopicInfo
	err = out.insist(ctx, func(ctx context.Context) (err error) {
		info, err = feed.info(ctx)
		return err
	})
	if err != nil {
		return err
	}
	feed.id = info.ID
	var logs []kafka.LogRange
	var asked time.Time
	err = out.insist(ctx, func(ctx context.Context) (err error) {
		asked = time.Now()
		logs, err = kafka.ListRanges(ctx, feed.client, feed.topic, info.All()...)
		return err
	})
	if err != nil {
		return err
	}
	next, err := v.position(info, logs, asked)
	if err == nil {
		out.enter(engine.Recovering)
		feed.start(next)
		err = v.follow(ctx, feed, out)
	}
	switch {
	case errors.Is(err, errGap):
		v.sup.Log.Warn("records of the table were lost, it is read anew", "err", err)
		v.gap = true
	case errors.Is(err, errStore):
		// Whether it can be read, and what it holds, shows when it is opened anew.
		return errors.Join(err, v.release())
	}
	return err
}

// position opens the stores, if they are not open, and returns where each
// partition goes on. If that is not in the log, which was asked for at a time, it begins anew.
func (v *View) position(info kafka.TopicInfo, logs []kafka.LogRange, asked time.Time) (map[int32]int64, error) {
	fits := func(s *viewStores) bool { return s.id == info.ID && len(s.parts) == info.Partitions }
	if v.served != nil && !fits(v.served) {
		if err := v.retire(); err != nil {
			return nil, err
		}
	}
	if v.filling != nil && (v.gap || !fits(v.filling)) {
		if err := v.setAside(); err != nil {
			return nil, err
		}
	}
	for {
		if v.filling == nil {
			if err := v.open(info, logs); err != nil {
				return nil, err
			}
		}
		next := make(map[int32]int64, len(logs))
		parts := make(map[int32]*reach, len(logs))
		var gap error
		for i, log := range logs {
			p := int32(i)
			offset, err := v.filling.offset(p)
			if err != nil {
				return nil, err
			}
			next[p] = offset + 1
			if offset < 0 {
				next[p] = log.Start
			}
			if next[p] < log.Start || next[p] > log.End {
				gap = fmt.Errorf("%w: %s/%d is at %d, the log is from %d to %d", errGap, v.table.Topic, p, next[p], log.Start, log.End)
			}
			parts[p] = &reach{next: next[p], target: log.Stable, end: log.Stable}
		}
		if gap == nil {
			v.gap = false
			v.progress.begin(parts, asked)
			return next, nil
		}
		v.sup.Log.Warn("records of the table were lost, it is read anew", "err", gap)
		if err := v.setAside(); err != nil {
			return nil, err
		}
	}
}

// setAside gives up what is being filled, for another generation. If it is
// whole, it is read from until what comes instead is whole, too.
func (v *View) setAside() error {
	given := v.filling
	v.filling, v.generation = nil, given.generation+1
	if given == v.served {
		return nil
	}
	return given.close()
}

// retire ends reading.
func (v *View) retire() error {
	given := v.served
	v.served = nil
	v.current.Store(nil)
	if given == nil || given == v.filling {
		return nil
	}
	return given.close()
}

// open opens the stores of the generation that is to be filled.
func (v *View) open(info kafka.TopicInfo, logs []kafka.LogRange) error {
	folder := viewFolderOf(&v.cfg, v.table.Topic)
	if v.generation == 0 {
		var err error
		if v.generation, err = folder.last(); err != nil {
			return err
		}
	}
	// Whether the store is ahead of the log is position's to see.
	store, err := store.Open(folder.generation(v.generation), v.table.Topic, info.ID, nil, v.sup.Log)
	if err != nil {
		return err
	}
	opened, err := openViewStores(store, info, v.generation)
	if err != nil {
		return err
	}
	v.filling = opened
	// Not before: until now another process might have used them.
	keep := []int{v.generation}
	if v.served != nil {
		keep = append(keep, v.served.generation)
	}
	if err := folder.keep(keep...); err != nil {
		return fmt.Errorf("remove earlier state of %s: %w", v.table.Topic, err)
	}
	if !v.wasWhole || v.whole != info.ID || v.served != nil {
		return nil
	}
	// It was whole when it was closed. A partition's store that was broken has
	// been emptied.
	for p, log := range logs {
		if offset, err := opened.offset(int32(p)); err != nil || offset < 0 && log.End > log.Start {
			return err
		}
	}
	return v.serve()
}

// serve lets the stores that are filled be read from.
func (v *View) serve() error {
	if v.served == v.filling {
		return nil
	}
	if err := v.filling.load(v.table.Own); err != nil {
		return fmt.Errorf("%w: %w", errStore, err)
	}
	v.served, v.whole, v.wasWhole = v.filling, v.filling.id, true
	v.current.Store(v.filling)
	return nil
}

// release closes what is being filled.
func (v *View) release() error {
	given := v.filling
	if given == nil {
		return nil
	}
	if given == v.served {
		v.served = nil
		v.current.Store(nil)
	}
	v.filling = nil
	return given.close()
}

// close closes everything.
func (v *View) close() {
	if err := errors.Join(v.retire(), v.release()); err != nil {
		v.sup.Log.Warn("local store not closed well", "err", err)
	}
}

// catchUpPoll bounds how late it shows that there is nothing left to wait for.
const (
	catchUpPoll = 50 * time.Millisecond
	followPoll  = time.Minute
)

// follow applies what comes.
func (v *View) follow(ctx context.Context, feed *feed, out *outage) error {
	ctx, stop := context.WithCancelCause(ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		if err := out.watch(ctx, feed, &v.progress, len(v.filling.parts)); err != nil {
			stop(err)
		}
	})
	defer watch.Wait()
	defer stop(nil)
	wait := catchUpPoll
	for ctx.Err() == nil {
		if wait == catchUpPoll && v.progress.caughtUp() {
			if err := v.caughtUp(out); err != nil {
				return err
			}
			wait = followPoll
		}
		fetches := feed.poll(ctx, wait)
		out.busy.Store(true)
		err := v.applyAll(fetches, feed, out)
		out.busy.Store(false)
		if v.served != v.filling {
			wait = catchUpPoll
		}
		if err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// caughtUp makes what was filled readable.
func (v *View) caughtUp(out *outage) error {
	if err := v.filling.recovered(v.progress.next); err != nil {
		return err
	}
	old := v.served
	if err := v.serve(); err != nil {
		return err
	}
	out.enter(engine.Running)
	if old == v.filling {
		return nil
	}
	if v.table.Replaced != nil {
		v.table.Replaced()
	}
	if old == nil {
		return nil
	}
	return errors.Join(old.close(), viewFolderOf(&v.cfg, v.table.Topic).keep(v.generation))
}
