package router

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"time"

	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/envelope"
	"github.com/belfry/belfry/sources/rules"
)

// RouterWays are the ways to route that [Router] measures.
type RouterWay string

// The ways, in the order in which they take turns.
const (
	RoutedByRules RouterWay = "rules"       // CEL, decoding included
	RoutedByHand  RouterWay = "by hand"     // Go, decoding into structs included
	RoutedDecoded RouterWay = "decode only" // what decoding takes of the first
)

// Router compares rules with the same written by hand, without Kafka.
type Router struct {
	records []sources.Record
	rules   *rules.Source
	decoder *envelope.Decoder
	plain   *PlainRouter
}

// NewRouter prepares the comparison over n different events.
func NewRouter(n int) (*Router, error) {
	decoder := envelope.NewDecoder(envelope.Config{})
	rules, err := rules.Parse("rules.yaml", RouterRules, rules.Options{Decoder: decoder})
	if err != nil {
		return nil, err
	}
	source, ok := rules.Source(RouterTopic)
	if !ok {
		return nil, errors.New("the rules have no source for their topic")
	}
	plain, err := NewPlainRouter()
	return &Router{RouterEvents(n), source, decoder, plain}, err
}

// Events returns how many events there are, and their bytes in the mean.
func (r *Router) Events() (n, bytes int) {
	for _, record := range r.records {
		bytes += len(record.Value)
	}
	return len(r.records), bytes / len(r.records)
}

// Verify routes every event both ways and returns an error for the first whose
// deliveries differ, and how many deliveries there were.
func (r *Router) Verify() (deliveries int, err error) {
	for i, record := range r.records {
		got, err := r.rules.Route(record)
		if err != nil {
			return 0, fmt.Errorf("event %d by rules: %w", i, err)
		}
		want, err := r.plain.Route(record)
		if err != nil {
			return 0, fmt.Errorf("event %d by hand: %w", i, err)
		}
		for j := range got {
			got[j].Rule, got[j].Record.Origin.Rule = "", 0 // only rules have a name and a text
		}
		for d := range got {
			got[d].Omitted = nil // what the hand leaves out it does not tell
		}
		if !reflect.DeepEqual(got, want) {
			return 0, fmt.Errorf("event %d: by rules %+v, by hand %+v", i, got, want)
		}
		deliveries += len(got)
	}
	return deliveries, nil
}

// RouterCost is what one event costs.
type RouterCost struct {
	Time   time.Duration // of the processor
	Allocs float64
}

// PerSecond is how many events a core routes in a second.
func (c RouterCost) PerSecond() float64 { return float64(time.Second) / float64(c.Time) }

// Measure routes all events over and over for at least that long, in this
// goroutine. Used tells the processor time of the process so far, which counts
// instead of the clock's: neighbours take none of it, and collecting garbage is
// in it.
func (r *Router) Measure(ctx context.Context, way RouterWay, atLeast time.Duration, used func() time.Duration) (RouterCost, error) {
	route := r.way(ctx, way)
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began, events := used(), 0
	for used()-began < atLeast {
		if err := ctx.Err(); err != nil {
			return RouterCost{}, err
		}
		for i := range r.records {
			if err := route(r.records[i]); err != nil {
				return RouterCost{}, fmt.Errorf("event %d %s: %w", i, way, err)
			}
		}
		events += len(r.records)
	}
	took := used() - began
	runtime.ReadMemStats(&after)
	return RouterCost{Time: took / time.Duration(events), Allocs: float64(after.Mallocs-before.Mallocs) / float64(events)}, nil
}

func (r *Router) way(ctx context.Context, way RouterWay) func(sources.Record) error {
	switch way {
	case RoutedByHand:
		return func(record sources.Record) error { _, err := r.plain.Route(record); return err }
	case RoutedDecoded:
		return func(record sources.Record) error { _, err := r.decoder.Decode(ctx, record); return err }
	}
	return func(record sources.Record) error { _, err := r.rules.Route(record); return err }
}
