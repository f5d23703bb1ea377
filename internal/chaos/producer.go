package chaos

import (
	"sync"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
)

// producer writes raw values, as other services do. It is safe for concurrent
// use.
type producer struct {
	prefix  belfry.Prefix
	out     *kafka.Producer
	trouble func(format string, args ...any)
	pending sync.WaitGroup
}

func openProducer(cfg kafka.Config, prefix belfry.Prefix, trouble func(string, ...any)) (*producer, error) {
	out, err := cfg.NewProducer("belfry-chaos", false)
	return &producer{prefix: prefix, out: out, trouble: trouble}, err
}

// write writes without waiting, unless the buffers are full; done is called
// once, from any goroutine.
func (p *producer) write(topic, key string, value []byte, done func(error)) {
	p.pending.Add(1)
	p.out.Emit(topic, key, value).Then(func(err error) {
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
	err := p.out.Stop()
	p.pending.Wait()
	return err
}
