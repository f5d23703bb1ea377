package rules

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/inflate"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/server/wire"
	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/rules"
)

// RecordReport is what the rules make of one record.
type RecordReport struct {
	Topic     string        `json:"topic"`
	Partition int32         `json:"partition"`
	Offset    int64         `json:"offset"`
	Timestamp time.Time     `json:"timestamp"`
	Key       string        `json:"key,omitempty"`
	Headers   []header      `json:"headers,omitempty"`
	Error     string        `json:"error,omitempty"` // why it would be a dead letter
	Nothing   string        `json:"nothing,omitempty"`
	Events    []eventReport `json:"events"`
}

type header struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

type eventReport struct {
	Index      int               `json:"index"`
	ID         string            `json:"id,omitempty"`
	Source     string            `json:"source,omitempty"`
	Type       string            `json:"type,omitempty"`
	Subject    string            `json:"subject,omitempty"`
	Time       time.Time         `json:"time,omitzero"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Value      json.RawMessage   `json:"value"`
	Let        []fieldReport     `json:"let,omitempty"`
	Rules      []outcomeReport   `json:"rules"`
}

type outcomeReport struct {
	Rule         string               `json:"rule"`
	Item         *int                 `json:"item,omitempty"` // place of the element that it is about
	Why          string               `json:"why,omitempty"`
	Error        string               `json:"error,omitempty"`
	Recipients   []string             `json:"recipients,omitempty"`
	Audience     string               `json:"audience,omitempty"` // in place of recipients
	Excluded     []string             `json:"excluded,omitempty"`
	Refused      string               `json:"refused,omitempty"` // a letter about them; all others get theirs
	Omitted      []omissionReport     `json:"omitted,omitempty"`
	Notification *belfry.Notification `json:"notification,omitempty"`
	Retraction   *retractionReport    `json:"retraction,omitempty"`
	Does         string               `json:"does,omitempty"` // for recipients: subscribe, unsubscribe or join
	Topic        string               `json:"topic,omitempty"`
	Fields       []fieldReport        `json:"fields,omitempty"`
}

// omissionReport is an optional field that the notification lacks.
type omissionReport struct {
	Field string        `json:"field"`
	Cause sources.Cause `json:"cause"`
	Error string        `json:"error,omitempty"`
}

type retractionReport struct {
	belfry.Retraction
	Rule string `json:"rule,omitempty"`
}

type fieldReport struct {
	Name  string          `json:"name"`
	Text  string          `json:"text,omitempty"`
	Value json.RawMessage `json:"value,omitempty"`
	Error string          `json:"error,omitempty"`
}

// explainMessage is [explainRecord] of a record as it was read, which may stand for a
// batch that is not decompressed.
func explainMessage(source *rules.Source, m *sarama.ConsumerMessage, info kafka.TopicInfo) RecordReport {
	if refused := inflate.Refused(m); refused != nil {
		return RecordReport{
			Topic: m.Topic, Partition: m.Partition, Offset: m.Offset, Timestamp: m.Timestamp.UTC(), Events: []eventReport{}, Error: refused.Error(),
		}
	}
	return explainRecord(source, sourceRecord(m, info))
}

func explainRecord(source *rules.Source, r sources.Record) RecordReport {
	out := RecordReport{
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp.UTC(),
		Key: readable(r.Key), Events: []eventReport{},
	}
	for _, h := range r.Headers {
		out.Headers = append(out.Headers, header{h.Key, readable(h.Value)})
	}
	var e rules.Explanation
	if r.Value != nil {
		e = source.Explain(r)
	}
	if r.Value == nil || errors.Is(e.Err, belfry.ErrTombstone) {
		out.Nothing = "the value is null: a tombstone, which says nothing to anybody"
		return out
	}
	out.Error = errorText(e.Err)
	for _, event := range e.Events {
		v := event.Event
		report := eventReport{
			Index: v.Index, ID: v.ID, Source: v.Source, Type: v.Type, Subject: v.Subject, Time: v.Time,
			Attributes: v.Attributes, Value: wire.Shown(v.Value), Let: fieldReports(event.Lets), Rules: []outcomeReport{},
		}
		for _, o := range event.Outcomes {
			report.Rules = append(report.Rules, newOutcomeReport(o))
		}
		out.Events = append(out.Events, report)
	}
	return out
}

func newOutcomeReport(o rules.Outcome) outcomeReport {
	out := outcomeReport{
		Rule: o.Rule, Why: o.Why, Error: errorText(o.Err), Recipients: o.Delivery.Recipients, Audience: o.Delivery.Record.Audience(),
		Excluded: o.Excluded, Refused: errorText(o.Delivery.Refused), Fields: fieldReports(o.Fields),
	}
	if o.Item >= 0 {
		out.Item = &o.Item
	}
	for _, left := range o.Delivery.Omitted {
		out.Omitted = append(out.Omitted, omissionReport{left.Field, left.Cause, errorText(left.Err)})
	}
	switch r := &o.Delivery.Record; {
	case !o.Delivery.Delivers():
	case r.Kind == inbox.KindSubscribe, r.Kind == inbox.KindUnsubscribe, r.Kind == inbox.KindJoin:
		out.Does, out.Topic = r.Kind.String(), r.Topic
	case r.Kind == inbox.KindRetract:
		out.Retraction = &retractionReport{r.Retraction, r.Rule}
	default:
		out.Notification = &r.Notification
	}
	return out
}

func fieldReports(values []rules.FieldValue) []fieldReport {
	var out []fieldReport
	for _, v := range values {
		f := fieldReport{Name: v.Name, Text: v.Text, Error: errorText(v.Err)}
		if v.Err == nil {
			f.Value = wire.Shown(v.Value)
		}
		out = append(out, f)
	}
	return out
}

// shorten leaves out what explain alone shows.
func (r *RecordReport) shorten() {
	for i := range r.Events {
		r.Events[i].Let = nil
		for j := range r.Events[i].Rules {
			r.Events[i].Rules[j].Fields = nil
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// readable is a key or header as text, or its bytes in hex.
func readable(raw []byte) string {
	if utf8.Valid(raw) {
		return string(raw)
	}
	return fmt.Sprintf("0x%x", raw)
}
