package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/engine/inflate"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/lag"
	"github.com/belfry/belfry/responder"
	"github.com/belfry/belfry/server/ops"
	"github.com/belfry/belfry/server/wire"
	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/envelope"
	"github.com/belfry/belfry/sources/rules"
)

const (
	// maxLookBytes and maxLookBack bound what a look at the newest records reads of
	// a partition.
	maxLookBytes = 4 << 20
	maxLookBack  = 20_000
	// maxShownRecipients is how many of a rule's recipients are shown.
	maxShownRecipients = 20
)

// opsTopics are the topics of the installation for the server.
type opsTopics struct {
	config kafka.Config
	prefix belfry.Prefix
	lag    func() lag.Report
	// load returns the rules of today; nil for the built-in ones alone.
	load func() (*rules.Set, error)
}

var _ ops.Topics = (*opsTopics)(nil)

// names are our own topics and those that the groups read.
func (t *opsTopics) names() []string {
	var out []string
	for _, s := range t.prefix.Topics(1) {
		out = append(out, s.Name)
	}
	for _, g := range t.lag().Groups {
		for _, p := range g.Partitions {
			out = append(out, p.Topic)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (t *opsTopics) kind(topic string) string {
	switch topic {
	case t.prefix.Notifications():
		return "notifications"
	case t.prefix.Journal():
		return "journal"
	case t.prefix.UnreadTable(), t.prefix.InboxTable():
		return "table"
	case t.prefix.Outbound():
		return "outbound"
	case t.prefix.DeadLetters():
		return "dead-letters"
	}
	for _, g := range t.lag().Groups {
		if g.Name == t.prefix.RequestsGroup() && slices.ContainsFunc(g.Partitions, func(p lag.Partition) bool { return p.Topic == topic }) {
			return "requests"
		}
	}
	return "source"
}

// Topics implements ops.Topics.
func (t *opsTopics) Topics(ctx context.Context) ([]ops.Topic, error) {
	names := t.names()
	found, err := kafka.DescribeTopics(ctx, t.config, names)
	if err != nil {
		return nil, err
	}
	out := make([]ops.Topic, 0, len(names))
	for _, name := range names {
		topic := ops.Topic{Name: name, Kind: t.kind(name)}
		if i := slices.IndexFunc(found, func(f kafka.TopicFacts) bool { return f.Name == name }); i >= 0 {
			topic.Exists = true
			addFacts(&topic, &found[i])
		}
		out = append(out, topic)
	}
	return out, nil
}

func addFacts(t *ops.Topic, f *kafka.TopicFacts) {
	t.Policy = f.Settings["cleanup.policy"]
	if ms, err := strconv.ParseInt(f.Settings["retention.ms"], 10, 64); err == nil && ms >= 0 && t.Policy != "compact" {
		t.RetentionMS = &ms
	}
	sum := int64(0)
	for i, p := range f.Partitions {
		at := ops.TopicPartition{
			Partition: int32(i), Leader: p.Leader, Replicas: len(p.Replicas), InSync: len(p.InSync),
			Start: p.Log.Start, Stable: p.Log.Stable, End: p.Log.End,
		}
		if p.Bytes >= 0 {
			at.Bytes = &p.Bytes
			sum += p.Bytes
			t.Bytes = &sum
		}
		if at.InSync < at.Replicas || p.Leader < 0 {
			t.Degraded++
		}
		t.Replication = max(t.Replication, at.Replicas)
		t.Records += p.Log.End - p.Log.Start
		t.Partitions = append(t.Partitions, at)
	}
}

// Newest implements ops.Topics.
func (t *opsTopics) Newest(ctx context.Context, q ops.RecordQuery) ([]ops.Record, error) {
	if !slices.Contains(t.names(), q.Topic) {
		return nil, ops.ErrNoTopic
	}
	bounds := table.Bounds{Records: q.Limit, Bytes: maxLookBytes, Back: maxLookBack}
	if q.Partition >= 0 {
		bounds.Only = []int32{q.Partition}
	}
	found, info, err := table.LatestWithin(ctx, t.config, q.Topic, bounds)
	switch {
	case errors.Is(err, table.ErrOffset):
		return nil, belfry.Invalid("partition", "must be 0 to %d, is %d", info.Partitions-1, q.Partition)
	case errors.Is(err, kafka.ErrTopic):
		return nil, ops.ErrNoTopic
	case err != nil:
		return nil, err
	}
	var today *rules.Set
	if t.load != nil && t.kind(q.Topic) == "source" {
		if today, err = t.load(); err != nil {
			return nil, belfry.Invalid("", "the rules of this server: %v", err)
		}
	}
	out := make([]ops.Record, 0, len(found))
	for _, m := range slices.Backward(found) {
		if ctx.Err() != nil { // a registry of schemas may take long
			return nil, ctx.Err()
		}
		out = append(out, t.shown(m, info, today))
	}
	return out, nil
}

// shown is a record as its reader sees it.
func (t *opsTopics) shown(m *sarama.ConsumerMessage, info kafka.TopicInfo, today *rules.Set) ops.Record {
	out := ops.Record{Partition: m.Partition, Offset: m.Offset, At: m.Timestamp.UTC(), Size: len(m.Value), Decoded: []ops.RecordEvent{}}
	if refused := inflate.Refused(m); refused != nil {
		out.Size, out.Error = refused.Bytes, refused.Error()
		return out
	}
	headers := kafka.Headers(m)
	out.SetHeaders(headers)
	var cutKey, cutValue bool
	out.Key, cutKey = ops.ShownPart(m.Key)
	out.Value, cutValue = ops.ShownPart(m.Value)
	out.Cut = out.Cut || cutKey || cutValue
	r := sources.Record{
		Topic: m.Topic, TopicID: info.ID, Partition: m.Partition, Offset: m.Offset,
		Timestamp: m.Timestamp, Key: m.Key, Value: m.Value, Headers: headers,
	}
	kind := t.kind(m.Topic)
	if m.Value == nil && kind != "dead-letters" {
		out.Note = "a tombstone: the value is null"
		return out
	}
	var err error
	var event ops.RecordEvent
	switch kind {
	case "notifications":
		err = routed(&event, r)
	case "source":
		var source *rules.Source
		ok := today != nil
		if ok {
			source, ok = today.Source(m.Topic)
		}
		if !ok {
			out.Note = "this server has no rules for the topic: start it with --rules to see what they make of the record"
			return out
		}
		explained(&out, source.Explain(r))
		return out
	case "dead-letters":
		why, _, problem := deadletter.ParseEnvelope(headers)
		event, err = ops.RecordEvent{Type: string(why.Reason), Source: why.Topic, ID: fmt.Sprintf("%d/%d", m.Partition, m.Offset), Time: why.DeadAt}, problem
		if _, isMark := deadletter.ParseReplayedMark(headers); isMark {
			out.Note = "a mark: letters before it were replayed"
			return out
		}
	case "journal":
		event, err = journalEvent(m.Value)
	case "outbound":
		event, err = outboundEvent(m.Value)
	case "requests":
		event.Type, event.Value = responder.Shown(m.Value)
	default:
		content, _ := inbox.ParseContentKey(string(m.Key))
		switch {
		case m.Topic == t.prefix.InboxTable() && content.Endpoint:
			out.Value, out.Cut = nil, false // whoever has it can send
			event, err = endpointEvent(m.Value)
		case m.Topic == t.prefix.InboxTable():
			event, err = itemEvent(m.Value)
		default:
			event, err = rowEvent(m.Value)
		}
	}
	if err != nil {
		out.Error = err.Error()
		return out
	}
	if event.Rules == nil {
		event.Rules = []ops.RecordRule{}
	}
	out.Value, out.Cut = nil, false // protobuf, told by what was decoded
	if kind == "notifications" || kind == "dead-letters" {
		out.Value, _ = ops.ShownPart(m.Value)
		out.Cut = cutValue
	}
	out.Decoded = append(out.Decoded, event)
	return out
}

// routed tells what the built-in source makes of a record.
func routed(event *ops.RecordEvent, r sources.Record) error {
	deliveries, err := envelope.Notifications{}.Route(r)
	if err != nil {
		return err
	}
	for _, d := range deliveries {
		made := newRecordRule(rules.Outcome{Delivery: d})
		event.ID, event.Source, event.Type = d.Record.Notification.ID, d.Record.Notification.Source, d.Record.Kind.String()
		if d.Record.Kind == inbox.KindRetract {
			event.ID, event.Source = d.Record.Retraction.ID, d.Record.Retraction.Source
		}
		event.Rules = append(event.Rules, made)
	}
	return nil
}

// explained tells what the rules of a source make of a record, as "rules explain"
// does.
func explained(out *ops.Record, e rules.Explanation) {
	if e.Err != nil {
		out.Error = e.Err.Error()
	}
	for i := range e.Events {
		v := &e.Events[i].Event
		event := ops.RecordEvent{ID: v.ID, Source: v.Source, Type: v.Type, Subject: v.Subject, Time: v.Time, Value: wire.Shown(v.Value), Rules: []ops.RecordRule{}}
		for _, o := range e.Events[i].Outcomes {
			event.Rules = append(event.Rules, newRecordRule(o))
		}
		out.Decoded = append(out.Decoded, event)
	}
}

func newRecordRule(o rules.Outcome) ops.RecordRule {
	to := o.Delivery.Recipients
	out := ops.RecordRule{Rule: o.Rule, RecipientCount: len(to), Recipients: to[:min(len(to), maxShownRecipients)], Why: o.Why}
	if err := errors.Join(o.Err, o.Delivery.Refused); err != nil {
		out.Error = err.Error()
	}
	switch {
	case !o.Delivery.Delivers():
	case o.Delivery.Record.Topic != "", o.Delivery.Record.Kind == inbox.KindJoin:
		out.Makes = wire.Shown(map[string]string{"does": o.Delivery.Record.Kind.String(), "topic": o.Delivery.Record.Topic})
	case o.Delivery.Record.Kind == inbox.KindRetract:
		out.Makes = wire.Shown(o.Delivery.Record.Retraction)
	default:
		out.Makes = wire.Shown(o.Delivery.Record.Notification)
	}
	return out
}

func journalEvent(value []byte) (ops.RecordEvent, error) {
	r, err := codec.DecodeJournal(value)
	if err != nil {
		return ops.RecordEvent{}, err
	}
	event := ops.RecordEvent{Type: r.Kind.String(), ID: r.Notification.ID, Source: r.Notification.Source, Time: r.Notification.Time}
	switch r.Kind {
	case inbox.KindNotify:
		event.Value = wire.Shown(r.Notification)
	case inbox.KindRetract:
		event.ID, event.Source, event.Value = r.Retraction.ID, r.Retraction.Source, wire.Shown(r.Retraction)
	default:
		event.Value = wire.Shown(map[string]any{"seqs": r.Seqs, "up_to": r.UpTo, "category": r.Category})
	}
	switch {
	case r.Tell != nil:
		event.Value = wire.Shown(map[string]any{"channel": r.Tell.Channel, "seqs": r.Seqs, "attempt": r.Tell.Attempt, "good_until": time.UnixMilli(r.Tell.GoodUntil).UTC()})
	case r.Untell != nil:
		event.Value = wire.Shown(map[string]any{"channel": r.Untell.Channel, "decision": r.Untell.Decision, "attempt": r.Untell.Attempt})
	case r.Endpoint != nil:
		event.Value = wire.Shown(map[string]any{"kind": r.Endpoint.Kind.String()})
	case r.Kind == inbox.KindPrefs:
		event.Value = r.Prefs
	}
	return event, nil
}

func outboundEvent(value []byte) (ops.RecordEvent, error) {
	o, err := codec.DecodeOutbound(value)
	return ops.RecordEvent{Type: "decision", ID: strconv.FormatUint(o.Decision, 10), Source: o.Channel, Value: value}, err
}

// endpointEvent tells of an endpoint no more than what it is.
func endpointEvent(value []byte) (ops.RecordEvent, error) {
	a, err := codec.DecodeEndpoint(value)
	return ops.RecordEvent{Type: "endpoint", ID: strconv.FormatUint(a.Seq, 10), Time: a.AddedAt, Value: wire.Shown(map[string]any{"kind": a.Kind.String()})}, err
}

func itemEvent(value []byte) (ops.RecordEvent, error) {
	item, err := codec.DecodeItem(value)
	return ops.RecordEvent{Type: "item", ID: item.ID, Source: item.Source, Time: item.Time, Value: wire.Shown(item.Notification)}, err
}

func rowEvent(value []byte) (ops.RecordEvent, error) {
	row, err := codec.DecodeState(value)
	if err != nil {
		return ops.RecordEvent{}, err
	}
	return ops.RecordEvent{Type: "row", Value: wire.Shown(map[string]any{
		"cursor": row.Cursor().String(), "base": row.Base, "horizon": row.Horizon,
		"items": len(row.Items), "removals": len(row.Removals), "sources": len(row.Watermarks),
	})}, nil
}
