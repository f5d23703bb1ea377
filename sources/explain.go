package sources

import (
	"context"
	"fmt"
)

// Explanation tells what becomes of a record, and why.
type Explanation struct {
	Events []EventExplanation
	// Err is why nothing is written and the record is set aside: that of the
	// decoder or the first of the rules. It is nil if all is well.
	Err error
}

// EventExplanation tells what becomes of one event of a record.
type EventExplanation struct {
	Event    Event
	Outcomes []Outcome // of the rules, in order
}

// Outcome is what one rule makes of one event.
type Outcome struct {
	Rule     string
	Why      string // why nothing is delivered; empty if something is or Err is set
	Excluded []string
	Delivery Delivery // without recipients if nothing is delivered
	Err      error    // a *RuleError or nil
}

// Explain does what [Source.Route] does, goes on after errors, and tells of each
// step.
func (s *Source) Explain(r Record) Explanation {
	var out Explanation
	events, err := s.decoder.Decode(context.Background(), r)
	if err != nil {
		out.Err = err
		return out
	}
	v := s.variables(&r)
	defer s.release(v)
	for i := range events {
		v.about(&events[i])
		e := EventExplanation{Event: events[i]}
		for _, rule := range s.rules {
			o := Outcome{Rule: rule.name}
			o.Delivery, o.Err = rule.apply(v, &o)
			if o.Err != nil && out.Err == nil {
				out.Err = o.Err
			}
			e.Outcomes = append(e.Outcomes, o)
		}
		out.Events = append(out.Events, e)
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
