package engine

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/lovoo/goka"
	"github.com/twmb/franz-go/pkg/kgo"
)

// byHand is a producer whose acknowledgements are given by hand.
type byHand struct {
	mu      sync.Mutex
	written []string
	finish  map[string]goka.PromiseFinisher
	closed  bool
}

func (p *byHand) Emit(topic, key string, value []byte) *goka.Promise {
	return p.EmitWithHeaders(topic, key, value, nil)
}

func (p *byHand) EmitWithHeaders(topic, key string, value []byte, _ goka.Headers) *goka.Promise {
	p.mu.Lock()
	defer p.mu.Unlock()
	promise, finish := goka.NewPromiseWithFinisher()
	name := fmt.Sprintf("%s %s=%s", topic, key, value)
	p.written = append(p.written, name)
	p.finish[name] = finish
	return promise
}

func (p *byHand) Send(record *kgo.Record, done func(*kgo.Record, error)) {
	p.EmitWithHeaders(record.Topic, string(record.Key), record.Value, nil).Then(func(err error) { done(record, err) })
}

func tombstones(keys ...string) (all []*kgo.Record) {
	for _, key := range keys {
		all = append(all, &kgo.Record{Topic: "contents", Key: []byte(key)})
	}
	return all
}

func (p *byHand) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	return nil
}

// answer acknowledges a write, or refuses it.
func (p *byHand) answer(name string, err error) {
	p.mu.Lock()
	finish := p.finish[name]
	p.mu.Unlock()
	finish(nil, err)
	synctest.Wait()
}

func (p *byHand) has(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Equal(p.written, want) {
		t.Errorf("written\n%q, want\n%q", p.written, want)
	}
}

// outcomes are what records were told, by name.
type outcomes struct {
	mu  sync.Mutex
	all map[string]error
}

func (o *outcomes) of(name string) func(error) {
	return func(err error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		if _, ok := o.all[name]; ok {
			err = errors.New("told twice")
		}
		o.all[name] = err
	}
}

func (o *outcomes) is(t *testing.T, name string, want error) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if got, ok := o.all[name]; !ok || !errors.Is(got, want) {
		t.Errorf("%s was told %v (%t), want %v", name, got, ok, want)
	}
}

func (o *outcomes) waits(t *testing.T, name string) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if got, ok := o.all[name]; ok {
		t.Errorf("%s was told %v before it was done", name, got)
	}
}

func rowsByHand(t *testing.T) (*byHand, *rowProducer, *outcomes) {
	out := &byHand{finish: map[string]goka.PromiseFinisher{}}
	rows := newRowProducer(out, "table")
	t.Cleanup(func() {
		if err := rows.Close(); err != nil || !out.closed {
			t.Errorf("close: %v, closed below %t", err, out.closed)
		}
	})
	return out, rows, &outcomes{all: map[string]error{}}
}

func TestWritesFollowTheirRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, rows, told := rowsByHand(t)
		rows.follow("a", rowWrites{tombstones("a/1", "a/2"), told.of("first")})
		rows.Emit("contents", "a/3", []byte("new"))
		rows.Emit("table", "b", []byte("another's"))
		rows.Emit("table", "a", []byte("1"))
		// The next row of the key, before the first is acknowledged.
		rows.follow("a", rowWrites{tombstones("a/3"), told.of("second")})
		rows.Emit("table", "a", []byte("2"))
		at := []string{"contents a/3=new", "table b=another's", "table a=1", "table a=2"}
		out.answer("table b=another's", nil)
		out.has(t, at...)

		out.answer("table a=1", nil)
		at = append(at, "contents a/1=", "contents a/2=")
		out.has(t, at...)
		out.answer("contents a/2=", nil)
		told.waits(t, "first")
		out.answer("contents a/1=", nil)
		told.is(t, "first", nil)
		told.waits(t, "second")

		out.answer("table a=2", nil)
		out.has(t, append(at, "contents a/3=")...)
		out.answer("contents a/3=", nil)
		told.is(t, "second", nil)
	})
}

func TestNothingFollowsARowThatIsNotWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, rows, told := rowsByHand(t)
		refused := errors.New("refused")
		rows.follow("a", rowWrites{tombstones("a/1"), told.of("row")})
		rows.Emit("table", "a", []byte("1"))
		out.answer("table a=1", refused)
		told.is(t, "row", refused)

		rows.follow("b", rowWrites{tombstones("b/1", "b/2"), told.of("tombstone")})
		rows.Emit("table", "b", []byte("1"))
		out.answer("table b=1", nil)
		out.answer("contents b/1=", refused)
		out.answer("contents b/2=", nil)
		told.is(t, "tombstone", refused)
		out.has(t, "table a=1", "table b=1", "contents b/1=", "contents b/2=")
	})
}

func TestRowAcknowledgedAfterTheCloseIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, rows, told := &byHand{finish: map[string]goka.PromiseFinisher{}}, (*rowProducer)(nil), &outcomes{all: map[string]error{}}
		rows = newRowProducer(out, "table")
		rows.follow("a", rowWrites{tombstones("a/1"), told.of("row")})
		rows.Emit("table", "a", []byte("1"))
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
		out.answer("table a=1", nil)
		told.is(t, "row", errProducerClosed)
		out.has(t, "table a=1")
	})
}
