package engine

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/lovoo/goka"
	"github.com/twmb/franz-go/pkg/kgo"
)

// rowProducer is a processor's producer. Beside goka's writes it makes those that
// must not be seen before the row that they follow from: a content that goes while
// a view still has the row with its item would be missing there.
type rowProducer struct {
	producer
	table string // "": the group has none

	mu      sync.Mutex
	coming  map[string]rowWrites // by the key of the row that is about to be written
	ready   []rowWrites          // whose rows are acknowledged
	closed  bool                 // and wake with it
	wake    chan struct{}        // has room for one: there is something ready
	writing sync.WaitGroup
}

// producer is [kafka.Producer].
type producer interface {
	goka.Producer
	Send(record *kgo.Record, done func(*kgo.Record, error))
}

// rowWrites are records that are written at once.
type rowWrites struct {
	records []*kgo.Record
	done    func(error) // called once, when all are acknowledged or one failed
}

func newRowProducer(p producer, table string) *rowProducer {
	r := &rowProducer{producer: p, table: table, coming: map[string]rowWrites{}, wake: make(chan struct{}, 1)}
	r.writing.Go(r.write)
	return r
}

// follow has writes be made once the next row of that key is acknowledged. The
// caller sets that row at once: rows of one key are written by one goroutine.
func (r *rowProducer) follow(key string, w rowWrites) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.coming[key] = w
}

// Emit implements goka.Producer.
func (r *rowProducer) Emit(topic, key string, value []byte) *goka.Promise {
	return r.EmitWithHeaders(topic, key, value, nil)
}

// EmitWithHeaders implements goka.Producer.
func (r *rowProducer) EmitWithHeaders(topic, key string, value []byte, headers goka.Headers) *goka.Promise {
	promise := r.producer.EmitWithHeaders(topic, key, value, headers)
	if topic != r.table {
		return promise
	}
	r.mu.Lock()
	w, ok := r.coming[key]
	delete(r.coming, key)
	r.mu.Unlock()
	if ok {
		promise.Then(func(err error) { r.acknowledged(w, err) })
	}
	return promise
}

// acknowledged must not write: it runs within the client's callback, which the
// client waits for while its buffers are full.
func (r *rowProducer) acknowledged(w rowWrites, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed && err == nil {
		err = errProducerClosed
	}
	if err != nil {
		w.done(err)
		return
	}
	r.ready = append(r.ready, w)
	Wake(r.wake)
}

// write makes the writes until the producer is closed, those of one key in the
// order of its rows.
func (r *rowProducer) write() {
	for range r.wake {
		r.mu.Lock()
		ready := r.ready
		r.ready = nil
		r.mu.Unlock()
		for _, w := range ready {
			r.writeAll(w)
		}
	}
}

// writeAll writes records, those of one key in their order.
func (r *rowProducer) writeAll(w rowWrites) {
	var left atomic.Int32
	var failed atomic.Pointer[error]
	left.Store(int32(len(w.records)))
	done := func(_ *kgo.Record, err error) {
		if err != nil {
			failed.CompareAndSwap(nil, &err)
		}
		if left.Add(-1) > 0 {
			return
		}
		if err := failed.Load(); err != nil {
			w.done(*err)
			return
		}
		w.done(nil)
	}
	for _, record := range w.records {
		r.Send(record, done)
	}
}

var errProducerClosed = errors.New("the producer was closed")

// Close waits for what is under way and fails the rest, as the producer beneath does.
func (r *rowProducer) Close() error {
	err := r.producer.Close()
	r.mu.Lock()
	r.closed = true
	close(r.wake)
	r.mu.Unlock()
	r.writing.Wait()
	return err
}
