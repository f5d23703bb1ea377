package processors

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/lovoo/goka"

	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/sources"
)

// Rules say what the records of source topics mean for whom. Their deliveries
// must depend on the record alone, so that what is routed again after a crash is
// recognised. They are safe for concurrent use.
type Rules interface {
	Route(sources.Record) ([]sources.Delivery, error)
}

// Router turns the records of one source topic into journal records, one for
// each recipient.
type Router struct {
	Deps
	topic string
	rules atomic.Pointer[Rules]
	id    atomic.Pointer[kafka.TopicID]
	// start is that of engine.Group. With one, the topic is somebody else's.
	start func(*kafka.Topics) (engine.Start, error)
}

// NewRouter returns the group of one source topic. Every source topic has a
// group of its own, since goka wants all inputs of a group to have equally many
// partitions.
func NewRouter(d Deps, topic string, rules Rules) *Router {
	r := &Router{Deps: d, topic: topic}
	r.SetRules(rules)
	return r
}

// SetRules has the next record routed by these rules. It may be called at any
// time.
func (r *Router) SetRules(rules Rules) { r.rules.Store(&rules) }

// Group is the definition for engine.NewProcessor.
func (r *Router) Group(options ...goka.ProcessorOption) engine.Group {
	return engine.Group{
		Graph: goka.DefineGroup(goka.Group(r.Prefix.RouterGroup(r.topic)),
			goka.Input(goka.Stream(r.topic), engine.Bytes{}, engine.Callback(r.route)),
			goka.Output(goka.Stream(r.Prefix.Journal()), engine.Bytes{}),
		),
		Positional: true, // watermarks
		Start:      r.start,
		Transient:  r.start != nil,
		OnSession: func(infos map[string]kafka.TopicInfo) {
			id := infos[r.topic].ID
			r.id.Store(&id)
		},
		Written: r.Metrics.writtenBy(r.Prefix.RouterGroup(r.topic)),
		Options: options,
	}
}

func (r *Router) route(c *engine.Context, value []byte) {
	group := r.Prefix.RouterGroup(r.topic)
	if value == nil {
		// A tombstone of somebody's compacted topic says nothing to anybody.
		r.Metrics.processed(group, "tombstone", c.Timestamp())
		return
	}
	written, err := r.patiently(c)
	switch {
	case errors.Is(err, errGivenUp):
		return
	case err != nil:
		r.setAside(c, err)
		return
	case len(written) == 0:
		r.Metrics.processed(group, "unmatched", c.Timestamp())
		return
	}
	carry, end := r.span(c, "route")
	defer end()
	// All are encoded before the first is written: a record is routed whole or
	// not at all.
	for _, d := range written {
		if d.rule != "" {
			r.Metrics.matched(d.rule)
		}
		for _, recipient := range d.recipients {
			c.Emit(goka.Stream(r.Prefix.Journal()), recipient, d.value, carry...)
		}
	}
	r.Metrics.processed(group, "routed", c.Timestamp())
}

// A record that needs what is not available now is tried again after a while,
// which doubles.
const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// errGivenUp says that the session ended while a record waited.
var errGivenUp = errors.New("given up, it is read again")

// patiently returns what is to be written. A record that waits lets none pass:
// watermarks would take it for a duplicate.
func (r *Router) patiently(c *engine.Context) (written []delivery, err error) {
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		err = engine.Guard(func() (err error) {
			written, err = r.deliveries(c)
			return err
		})
		if !errors.Is(err, sources.ErrUnavailable) {
			return written, err
		}
		if !c.Wait(wait, err) {
			return nil, errGivenUp
		}
	}
}

// delivery is a journal record as encoded, once for all its recipients.
type delivery struct {
	rule       string
	recipients []string
	value      []byte
}

func (r *Router) deliveries(c *engine.Context) ([]delivery, error) {
	raw := c.Raw()
	deliveries, err := (*r.rules.Load()).Route(sources.Record{
		Topic: r.topic, TopicID: *r.id.Load(), Partition: raw.Partition, Offset: raw.Offset,
		Timestamp: c.Timestamp(), Key: raw.Key, Value: raw.Value, Headers: kafka.Headers(raw),
	})
	if err != nil {
		return nil, err
	}
	out := make([]delivery, len(deliveries))
	for i, d := range deliveries {
		d.Record.Silent = c.Silent() && d.Record.Kind == inbox.KindNotify
		if out[i].value, err = codec.EncodeRecord(d.Record); err != nil {
			return nil, err
		}
		out[i].recipients, out[i].rule = d.Recipients, d.Rule
	}
	return out, nil
}
