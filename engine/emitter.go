package engine

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/lovoo/goka"

	"github.com/belfry/belfry/engine/kafka"
)

// Emitter is a goka emitter of raw values with our settings.
type Emitter struct {
	*goka.Emitter
	out atomic.Pointer[kafka.Producer]
}

// NewEmitter returns an emitter into topic. The caller must Finish it.
func NewEmitter(cfg kafka.Config, topic string) (*Emitter, error) {
	e := &Emitter{}
	var err error
	e.Emitter, err = goka.NewEmitter(cfg.Brokers, goka.Stream(topic), Bytes{},
		goka.WithEmitterLogger(gokaLogger{cfg.Log()}),
		goka.WithEmitterHasher(kafka.Hasher),
		goka.WithEmitterProducerBuilder(cfg.GokaProducer(false, &e.out)))
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
	return kafka.GiveUp(stopping, &e.out, e.Emitter.Finish)
}
