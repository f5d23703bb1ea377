package chaos

import (
	"errors"
	"sync"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
)

// producer writes raw values, as other services do. It is safe for concurrent
// use.
type producer struct {
	prefix   belfry.Prefix
	emitters map[string]*engine.Emitter // by topic
	trouble  func(format string, args ...any)
	pending  sync.WaitGroup
}

func openProducer(cfg kafka.Config, prefix belfry.Prefix, trouble func(string, ...any)) (*producer, error) {
	p := &producer{prefix: prefix, emitters: map[string]*engine.Emitter{}, trouble: trouble}
	for _, topic := range []string{prefix.Notifications(), prefix.Journal()} {
		e, err := engine.NewEmitter(cfg, topic)
		if err != nil {
			return nil, errors.Join(err, p.close())
		}
		p.emitters[topic] = e
	}
	return p, nil
}

// write writes without waiting, unless the buffers are full; done is called
// once, from any goroutine.
func (p *producer) write(topic, key string, value []byte, done func(error)) {
	p.pending.Add(1)
	promise, err := p.emitters[topic].Emit(key, value)
	if err != nil {
		p.trouble("write to %s: %v", topic, err)
		done(err)
		p.pending.Done()
		return
	}
	promise.Then(func(err error) {
		defer p.pending.Done()
		if err != nil {
			p.trouble("write to %s: %v", topic, err)
		}
		done(err)
	})
}

// close waits for what is under way, for some seconds at the most, and fails the
// rest.
func (p *producer) close() error {
	var errs []error
	for _, e := range p.emitters {
		errs = append(errs, e.Finish())
	}
	p.pending.Wait()
	return errors.Join(errs...)
}
