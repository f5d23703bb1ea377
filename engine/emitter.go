package engine

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/lovoo/goka"
)

// Emitter is a goka emitter of raw values with our settings.
type Emitter struct {
	*goka.Emitter
	out atomic.Pointer[producer]
}

// NewEmitter returns an emitter into topic. The caller must Finish it.
func NewEmitter(cfg Config, topic string) (*Emitter, error) {
	e := &Emitter{}
	var err error
	e.Emitter, err = goka.NewEmitter(cfg.Brokers, goka.Stream(topic), Bytes{},
		goka.WithEmitterLogger(gokaLogger{cfg.logger()}),
		goka.WithEmitterHasher(Hasher),
		goka.WithEmitterProducerBuilder(cfg.gokaProducer(false, &e.out)))
	if err != nil {
		return nil, fmt.Errorf("open emitter for %s: %w", topic, err)
	}
	return e, nil
}

// Finish waits for what is under way, for some seconds at the most, fails the
// rest and disconnects. There must be no Emit during or after it.
func (e *Emitter) Finish() error {
	stopping, stop := context.WithCancel(context.Background())
	stop()
	return giveUp(stopping, &e.out, e.Emitter.Finish)
}
