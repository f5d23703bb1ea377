package table

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
)

const (
	// outageGrace is how long brokers may not answer before it is an outage to
	// be told of. A partition's new leader is elected within it, mostly.
	outageGrace = 5 * time.Second

	askTimeout   = 5 * time.Second
	watchTick    = 100 * time.Millisecond
	restlessness = 500 * time.Millisecond // without an answer, leaders are looked up this often
	verifyEvery  = 5 * time.Second
)

// outage notices that brokers do not answer, tells of it, and helps what the
// client does not do by itself.
type outage struct {
	sup  *engine.Supervisor
	busy atomic.Bool // records are being applied: no fetch is under way then

	mu    sync.Mutex
	away  bool
	phase engine.Phase // to be in while the brokers answer
}

// enter changes what the view is doing while the brokers answer.
func (o *outage) enter(p engine.Phase) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.phase = p
	if !o.away {
		o.sup.Enter(p)
	}
}

// set says whether the brokers are away.
func (o *outage) set(away bool, cause error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case away == o.away:
		return
	case away:
		o.sup.Unreached(cause)
		o.sup.Enter(engine.Reconnecting)
	default:
		o.sup.Reached()
		o.sup.Enter(o.phase)
	}
	o.away = away
}

// insist calls ask until it succeeds, or fails for another reason than that the
// brokers cannot answer now, or ctx ends.
func (o *outage) insist(ctx context.Context, ask func(context.Context) error) error {
	for began := time.Now(); ; {
		once, cancel := context.WithTimeout(ctx, askTimeout)
		err := ask(once)
		cancel()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			o.set(false, nil)
			return nil
		case isAnswer(err):
			return err
		}
		if time.Since(began) > outageGrace {
			o.set(true, err)
		}
		engine.Sleep(ctx, feedRetry)
	}
}

// isAnswer reports whether brokers answered, and would not answer otherwise if
// they were asked again.
func isAnswer(err error) bool {
	var answer *kerr.Error
	return errors.Is(err, kafka.ErrTopic) || errors.As(err, &answer) && !answer.Retriable
}

// watch goes on until ctx ends, or returns why the feed is of no use any more.
func (o *outage) watch(ctx context.Context, f *feed, p *progress, partitions int) error {
	tick := time.NewTicker(watchTick)
	defer tick.Stop()
	since := time.Now() // nobody was waited for before
	looked, verified := since, since
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		now := time.Now()
		if o.busy.Load() {
			since = now
		}
		quiet := f.quiet(since, partitions)
		if quiet > restlessness {
			o.set(quiet > outageGrace || o.isAway(), fmt.Errorf("nothing from the leader of some partition for %v", quiet.Round(time.Second)))
			if now.Sub(looked) > restlessness {
				looked = now
				// The client looks for new leaders only when a request has failed.
				f.client.ForceMetadataRefresh()
			}
			continue
		}
		o.set(false, nil)
		f.ask(ctx, p.silent(now), p)
		if now.Sub(verified) > verifyEvery {
			verified = now
			if err := verify(ctx, f, p, partitions); err != nil {
				return err
			}
		}
	}
}

func (o *outage) isAway() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.away
}

// verify asks whether the topic is still the same and where it ends, whatever
// fetches say: brokers before Kafka 3.1 let a fetch go on in a topic that was
// created again, and a log that became shorter never gets to where it was to
// end.
func verify(ctx context.Context, f *feed, p *progress, partitions int) error {
	ctx, cancel := context.WithTimeout(ctx, feedPatience)
	defer cancel()
	info, err := f.info(ctx)
	switch {
	case err != nil:
		return nil // fetches will tell
	case info.ID != f.id:
		return fmt.Errorf("topic %s was deleted and created again", f.topic)
	case info.Partitions != partitions:
		return fmt.Errorf("topic %s has %d partitions, not %d", f.topic, info.Partitions, partitions)
	}
	asked := time.Now()
	ends, err := kafka.ListOffsets(ctx, f.client, f.topic, kafka.LogStable, info.All()...)
	if err != nil {
		return nil
	}
	for n, end := range ends {
		p.bound(int32(n), end, asked)
	}
	return nil
}
