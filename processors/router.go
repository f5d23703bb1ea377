package processors

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/lovoo/goka"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/sources"
)

// Router turns the messages of one source topic into journal records, one for
// each recipient. Its output is a function of the record and the topic's
// incarnation alone, so what it writes again after a crash is recognised.
type Router struct {
	Deps
	topic string
	id    atomic.Pointer[engine.TopicID]
}

// NewRouter returns the group of one source topic. Every source topic has a
// group of its own, since goka wants all inputs of a group to have equally many
// partitions.
func NewRouter(d Deps, topic string) *Router { return &Router{Deps: d, topic: topic} }

// Group is the definition for engine.NewProcessor.
func (r *Router) Group(options ...goka.ProcessorOption) engine.Group {
	return engine.Group{
		Graph: goka.DefineGroup(goka.Group(r.Prefix.RouterGroup(r.topic)),
			goka.Input(goka.Stream(r.topic), engine.Bytes{}, engine.Callback(r.route)),
			goka.Output(goka.Stream(r.Prefix.Journal()), engine.Bytes{}),
		),
		Positional: true, // watermarks
		OnSession: func(infos map[string]engine.TopicInfo) {
			id := infos[r.topic].ID
			r.id.Store(&id)
		},
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
	var records []keyed
	err := engine.Guard(func() (err error) {
		records, err = r.records(c, value)
		return err
	})
	if err != nil {
		r.setAside(c, err)
		return
	}
	// All are encoded before the first is written: a message is routed whole
	// or not at all.
	for _, record := range records {
		c.Emit(goka.Stream(r.Prefix.Journal()), record.key, record.value)
	}
	r.Metrics.processed(group, "routed", c.Timestamp())
}

// keyed is one journal record as encoded.
type keyed struct {
	key   string
	value []byte
}

func (r *Router) records(c *engine.Context, value []byte) ([]keyed, error) {
	if len(value) == 0 {
		return nil, errEmpty
	}
	id := *r.id.Load()
	message, err := sources.Decode(value, headers(c), belfry.Notification{
		ID:     fmt.Sprintf("%x/%d/%d", id, c.Partition(), c.Offset()),
		Source: r.topic,
		Time:   c.Timestamp().UTC().Truncate(time.Millisecond),
	})
	if err != nil {
		return nil, err
	}
	record := belfry.Record{Origin: belfry.Origin{TopicID: id, Partition: c.Partition(), Offset: c.Offset()}}
	records := make([]keyed, 0, len(message.Notifications)+len(message.Retractions))
	add := func(recipient string) error {
		encoded, err := codec.EncodeRecord(record)
		records = append(records, keyed{recipient, encoded})
		return err
	}
	for _, n := range message.Notifications {
		record.Kind, record.Notification = belfry.KindNotify, n
		if err := add(n.Recipient); err != nil {
			return nil, err
		}
	}
	for _, t := range message.Retractions {
		record.Kind, record.Retraction = belfry.KindRetract, t
		if err := add(t.Recipient); err != nil {
			return nil, err
		}
	}
	return records, nil
}

func headers(c *engine.Context) []sources.Header {
	raw := c.Raw().Headers
	out := make([]sources.Header, len(raw))
	for i, h := range raw {
		out[i] = sources.Header{Key: string(h.Key), Value: h.Value}
	}
	return out
}
