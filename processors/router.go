package processors

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/lovoo/goka"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/inflate"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/breath"
	"github.com/belfry/belfry/sources"
)

// Rules say what the records of source topics mean for whom. Their deliveries
// must depend on the record alone, so that what is routed again after a crash is
// recognised. They are safe for concurrent use.
type Rules interface {
	Route(sources.Record) ([]sources.Delivery, error)
}

// Router turns the records of one source topic into journal records, one for
// each recipient, or for each partition.
type Router struct {
	Deps
	topic      string
	rules      atomic.Pointer[Rules]
	id         atomic.Pointer[kafka.TopicID]
	partitions atomic.Int32 // of the journal
	fanned     atomic.Int64 // records written for events of several recipients, since the fold was last asked
	processed  *processed
	named      bool // a source of the rules names the topic
	// start is that of engine.Group. With one, the topic is somebody else's.
	start func(*kafka.Topics) (engine.Start, error)
}

// NewRouter returns the group of one source topic. Every source topic has a
// group of its own, since goka wants all inputs of a group to have equally many
// partitions.
func NewRouter(d Deps, topic string, rules Rules) *Router {
	r := &Router{Deps: d, topic: topic, processed: d.Metrics.processedBy(d.Prefix.RouterGroup(topic))}
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
		Lookup:     []string{r.Prefix.Journal()},
		OnSession: func(infos map[string]kafka.TopicInfo) {
			id := infos[r.topic].ID
			r.id.Store(&id)
			r.partitions.Store(int32(infos[r.Prefix.Journal()].Partitions))
		},
		Written: r.Metrics.writtenBy(r.Prefix.RouterGroup(r.topic)),
		Options: options,
	}
}

// breathAfter is how long a value is whose decoding and routing may take a millisecond.
const breathAfter = 16 << 10

func (r *Router) route(c *engine.Context, value []byte) {
	if len(value) > breathAfter {
		defer breath.Take()
	}
	if refused := inflate.Refused(c.Raw()); refused != nil {
		r.setAside(c, c.Raw(), refused)
		return
	}
	if value == nil {
		// A tombstone of somebody's compacted topic says nothing to anybody.
		r.processed.one("tombstone", c.Timestamp())
		return
	}
	turn := r.Turns.For(c.Context())
	defer turn.End()
	written, err := r.patiently(c, turn)
	switch {
	case errors.Is(err, belfry.ErrTombstone):
		r.processed.one("tombstone", c.Timestamp())
		return
	case errors.Is(err, errGivenUp):
		return
	case err != nil:
		r.setAside(c, c.Raw(), err)
		return
	case len(written) == 0:
		r.processed.one("unmatched", c.Timestamp())
		r.noteUnmatched(c)
		return
	}
	headers, end := r.span(c, c.Raw(), "route")
	defer end()
	// All are encoded before the first is written: a record is routed whole or
	// not at all.
	turn.End() // what waits from here on is small
	r.write(c, written, headers)
	for _, err := range refusals(written) {
		r.setAsidePart(c, err)
	}
	r.processed.one("routed", c.Timestamp())
}

// refusals are the errors about recipients who get nothing, the first of each rule:
// a list of bad ones makes one letter, not thousands.
func refusals(written []delivery) (out []error) {
	var told []string
	for _, d := range written {
		if d.refused != nil && !slices.Contains(told, d.rule) {
			told, out = append(told, d.rule), append(out, d.refused)
		}
	}
	return out
}

// note counts and tells what of a delivery does not arrive.
func (r *Router) note(c *engine.Context, d *delivery) {
	over := !d.expiresAt.IsZero() && !d.expiresAt.After(time.Now())
	if len(d.omitted) == 0 && !over {
		return
	}
	group := r.Prefix.RouterGroup(r.topic)
	for _, o := range d.omitted {
		field := o.Field
		if strings.HasPrefix(field, "body.") {
			field = "body" // a language is the sender's to choose
		}
		r.Metrics.omitted.WithLabelValues(group, o.Rule, field, string(o.Cause)).Inc()
		if o.Cause == sources.CauseEmpty {
			continue
		}
		if log, more := r.sometimes("omitted", group, o.Rule, field, string(o.Cause)); log != nil {
			log.Warn("optional field could not be read and is left out; belfry rules explain shows why", "topic", r.topic, "partition", c.Partition(), "offset", c.Offset(),
				"rule", o.Rule, "field", o.Field, "cause", o.Cause, "more", more)
		}
	}
	if !over {
		return
	}
	r.Metrics.expired.WithLabelValues(group, d.rule).Inc()
	if log, more := r.sometimes("expired", group, d.rule); log != nil {
		log.Warn("notification had expired before it was routed, nobody sees it", "topic", r.topic, "partition", c.Partition(), "offset", c.Offset(),
			"rule", d.rule, "expires_at", d.expiresAt, "more", more)
	}
}

// noteUnmatched tells that the rules of a source that names its topic make nothing
// of a record. One with a pattern is for topics that nobody has looked at.
func (r *Router) noteUnmatched(c *engine.Context) {
	if !r.named {
		return
	}
	if log, more := r.sometimes("unmatched", r.topic); log != nil {
		log.Info("record matches no rule of its source; belfry rules explain shows why", "topic", r.topic, "partition", c.Partition(), "offset", c.Offset(), "more", more)
	}
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
func (r *Router) patiently(c *engine.Context, turn *sources.Turn) (written []delivery, err error) {
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		err = engine.Guard(func() (err error) {
			written, err = r.deliveries(c, turn)
			return err
		})
		if !errors.Is(err, sources.ErrUnavailable) {
			return written, err
		}
		turn.End()
		if !c.Wait(wait, err) {
			return nil, errGivenUp
		}
	}
}

// checkOpen refuses what needs a capability that is closed.
func (r *Router) checkOpen(deliveries []sources.Delivery) error {
	for i := range deliveries {
		for _, need := range deliveries[i].Record.Needs() {
			if !r.Features.Has(need.Features) {
				return belfry.Invalid(need.Field, "is not open here: this processor runs without --features %s; replay the record once it does", need.Features)
			}
		}
	}
	return nil
}

// maxRouted is how many bytes one record may become in the journal: what many are told is
// written once for each of them.
const maxRouted = 256 << 20

// checkRouted refuses deliveries that take more.
func checkRouted(all []delivery) error {
	total := 0
	for _, d := range all {
		if total += len(d.keys) * len(d.value); total > maxRouted {
			return &belfry.FieldError{Field: "recipients", TooLarge: true, Problem: fmt.Sprintf(
				"the record would become more than %d MiB in the journal, where each of %d recipients gets %d bytes; write less to each, or name an audience, which costs one record a partition",
				maxRouted>>20, len(d.keys), len(d.value))}
		}
	}
	return nil
}

func noticesOf(all []delivery) (n int) {
	for i := range all {
		if all[i].notice {
			n++
		}
	}
	return n
}

// delivery is a journal record as encoded, once for all its keys.
type delivery struct {
	rule      string
	notice    bool // it is for many, or takes back what was
	keys      []string
	value     []byte
	expiresAt time.Time // zero: never
	omitted   []sources.Omission
	refused   error
}

func (r *Router) deliveries(c *engine.Context, turn *sources.Turn) ([]delivery, error) {
	raw := c.Raw()
	deliveries, err := (*r.rules.Load()).Route(sources.Record{
		Topic: r.topic, TopicID: *r.id.Load(), Partition: raw.Partition, Offset: raw.Offset,
		Timestamp: c.Timestamp(), Key: raw.Key, Value: raw.Value, Headers: kafka.Headers(raw), Turn: turn,
	})
	if err != nil {
		return nil, err
	}
	if err := r.checkOpen(deliveries); err != nil {
		return nil, err
	}
	out := make([]delivery, len(deliveries))
	for i, d := range deliveries {
		out[i] = delivery{rule: d.Rule, keys: d.Keys(int(r.partitions.Load())), omitted: d.Omitted, refused: d.Refused}
		if !d.Delivers() {
			continue
		}
		out[i].notice = d.Record.Audience() != ""
		out[i].expiresAt = d.Record.Notification.ExpiresAt
		d.Record.Silent = c.Silent() && d.Record.Kind == inbox.KindNotify
		if out[i].value, err = codec.EncodeRecord(d.Record); err != nil {
			return nil, err
		}
	}
	return out, cmp.Or(belfry.CheckNotices(noticesOf(out)), checkRouted(out))
}
