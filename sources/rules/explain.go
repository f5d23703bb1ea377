package rules

import (
	"context"
	"fmt"

	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/yamlfile"
)

// Explanation says what becomes of a record, and why.
type Explanation struct {
	Events []EventExplanation
	// Err is why nothing is written and the record is set aside: that of the
	// decoder or the first of the rules. It is nil if all is well.
	Err error
}

// EventExplanation says what becomes of one event of a record.
type EventExplanation struct {
	Event    sources.Event
	Lets     []FieldValue // the names that the source defines
	Outcomes []Outcome    // of the rules, in order
}

// Outcome is what one rule makes of one event.
type Outcome struct {
	Rule     string
	Item     int    // place of the element that it is about; -1 for the event as a whole
	Why      string // why nothing is delivered; empty if something is or Err is set
	Excluded []string
	Delivery sources.Delivery // for nobody if nothing is delivered; what it omits and refuses is in it
	Err      error            // a *Error or nil
	// Fields are those of the rule that depend on the event, each by itself,
	// whether the rule is for the event or not.
	Fields []FieldValue
}

// FieldValue is what a text or expression of the rules gives for an event.
type FieldValue struct {
	Name  string // of the field or let
	Text  string // as it stands in the file
	Value any    // as in Event; a text where the field is one
	Err   error  // then there is no value
}

// Explain does what [Source.Route] does, goes on after errors, and reports each
// step.
func (s *Source) Explain(r sources.Record) Explanation {
	var out Explanation
	events, err := s.decoder.Decode(context.Background(), r)
	if err != nil {
		out.Err = err
		return out
	}
	v := s.variables(&r)
	defer s.release(v)
	var refused error
	delivered := false
	for i := range events {
		v.about(&events[i])
		e := EventExplanation{Event: events[i]}
		v.bill, v.shown = v.shown, v.bill
		for _, l := range s.lets {
			e.Lets = append(e.Lets, l.expression.explain(v, l.name))
		}
		v.bill, v.shown = v.shown, v.bill
		for _, rule := range s.rules {
			for _, o := range rule.outcomes(v) {
				if o.Err != nil && out.Err == nil {
					out.Err = o.Err
				}
				if refused == nil {
					refused = o.Delivery.Refused
				}
				delivered = delivered || o.Delivery.Delivers()
				e.Outcomes = append(e.Outcomes, o)
			}
			if err := v.bill.Err(); err != nil && out.Err == nil {
				out.Err = rule.wrong("", err)
			}
		}
		out.Events = append(out.Events, e)
	}
	if out.Err == nil && !delivered {
		out.Err = refused // as a whole: nobody gets anything
	}
	return out
}

// outcomes are what the rule makes of the event, or of each element that it holds;
// at least one.
func (r *rule) outcomes(v *variables) []Outcome {
	whole := Outcome{Rule: r.name, Item: -1}
	n, err := r.begin(v, &whole)
	if err != nil || n == 0 {
		whole.Err, whole.Fields = err, r.explain(v)
		return []Outcome{whole}
	}
	out := make([]Outcome, n)
	for i := range n {
		v.take(i)
		o := &out[i]
		*o = Outcome{Rule: r.name, Item: -1}
		if r.each != nil {
			o.Item = i
		}
		o.Delivery, o.Err = r.apply(v, o)
		o.Fields = r.explain(v)
	}
	return out
}

// because notes why nothing is delivered; nobody asked if o is nil.
func (o *Outcome) because(format string, args ...any) {
	if o != nil {
		o.Why = fmt.Sprintf(format, args...)
	}
}

// exclude notes a recipient that the rule leaves out.
func (o *Outcome) exclude(name string) {
	if o != nil {
		o.Excluded = append(o.Excluded, name)
	}
}

// explain evaluates each field of the rule by itself.
func (r *rule) explain(v *variables) []FieldValue {
	v.bill, v.shown = v.shown, v.bill
	defer func() { v.bill, v.shown = v.shown, v.bill }()
	var out []FieldValue
	expression := func(name string, e *expression) {
		if e != nil {
			out = append(out, e.explain(v, name))
		}
	}
	text := func(name string, t *template) {
		if t != nil {
			value, err := t.render(v)
			out = append(out, FieldValue{name, t.source, value, err})
		}
	}
	switch {
	case v.items != nil:
		out = append(out, FieldValue{Name: itemName, Value: v.item})
	case r.each != nil:
		expression("each", r.each)
		if !r.whenOfItem {
			expression("when", r.when)
		}
		return out // the rest is of an element
	}
	expression("when", r.when)
	expression("recipients", r.recipients)
	expression("exclude", r.exclude)
	text("audience", r.audience)
	if r.member != nil {
		text(r.member.kind.String(), r.member.topic)
	}
	for _, t := range r.texts {
		text(t.field, t.template)
	}
	for _, t := range r.title {
		text(yamlfile.Join("title", t.language), t.template)
	}
	for _, t := range r.body {
		text(yamlfile.Join("body", t.language), t.template)
	}
	expression("time", r.time)
	expression("expires_at", r.expiresAt)
	expression("deliver_at", r.deliverAt)
	if r.data != nil {
		value, _, err := dataValue(r.data, v, "data")
		out = append(out, FieldValue{"data", "", value, err})
	}
	if r.retract != nil {
		text("retract.id", r.retract.id)
		text("retract.source", r.retract.source)
		text("retract.collapse_key", r.retract.collapseKey)
	}
	return out
}

func (e *expression) explain(v *variables, name string) FieldValue {
	out := FieldValue{Name: name, Text: e.text}
	value, err := e.value(v)
	if err == nil {
		out.Value, _, err = native(value)
	}
	out.Err = err
	return out
}
