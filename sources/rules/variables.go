package rules

import (
	"time"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/interpreter"

	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/rules/bill"
)

// variables are what the expressions of a source see of one event. They serve
// one goroutine.
type variables struct {
	source *Source
	record *sources.Record
	event  *sources.Event
	time   time.Time

	items []any // of the rule's each; nil without
	item  any   // the one that the rule is applied to
	place int   // of the item
	taken int   // items of the record so far
	// lets are the values of the source's names, each computed when it is first
	// asked for, so that one that fails harms only the rules that need it.
	lets []letValue

	headers map[string]string // nil: not asked for yet
	key     any               // nil: likewise, or there is none

	bill  *bill.Bill // of the record
	shown *bill.Bill // of what is evaluated beside, to show it
}

var _ interpreter.Activation = (*variables)(nil)

type letValue struct {
	known bool
	value any // a *types.Err if it failed
}

// letName is a name that a source defines.
type letName struct {
	name       string
	expression *expression
}

// about has v speak of an event, and forgets what it knew of another one.
func (v *variables) about(e *sources.Event) {
	v.event = e
	clear(v.lets)
	v.time = e.Time
	if !storable(v.time) {
		v.time = v.record.Timestamp
	}
	v.time = v.time.UTC()
}

// Parent implements interpreter.Activation.
func (v *variables) Parent() interpreter.Activation { return nil }

// take has v speak of an element of the rule's list.
func (v *variables) take(i int) {
	if v.items != nil {
		v.item, v.place = v.items[i], i
	}
}

// index is the place of the element in the rule's list or, without one, of the event
// in the record's.
func (v *variables) index() int {
	if v.items != nil {
		return v.place
	}
	return v.event.Index
}

// origin is the place among all that the rule makes of the record, rising.
func (v *variables) origin() int32 {
	if v.items != nil {
		return int32(v.event.Index*MaxItems + v.place)
	}
	return int32(v.event.Index)
}

// builtins are the names that every expression may use.
var builtins = []struct {
	name  string
	typ   *cel.Type
	value func(*variables) any
}{
	{"event", cel.DynType, func(v *variables) any { return v.event.Value }},
	{"key", cel.DynType, (*variables).keyValue},
	{"headers", cel.MapType(cel.StringType, cel.StringType), func(v *variables) any { return v.headerTexts() }},
	{"attributes", cel.MapType(cel.StringType, cel.StringType), func(v *variables) any { return v.event.Attributes }},
	{"topic", cel.StringType, func(v *variables) any { return v.record.Topic }},
	{"timestamp", cel.TimestampType, func(v *variables) any { return v.record.Timestamp.UTC() }},
	{"partition", cel.IntType, func(v *variables) any { return int64(v.record.Partition) }},
	{"offset", cel.IntType, func(v *variables) any { return v.record.Offset }},
	{"index", cel.IntType, func(v *variables) any { return int64(v.index()) }},
	{"type", cel.StringType, func(v *variables) any { return v.event.Type }},
	{"id", cel.StringType, func(v *variables) any { return v.event.ID }},
	{"source", cel.StringType, func(v *variables) any { return v.event.Source }},
	{"subject", cel.StringType, func(v *variables) any { return v.event.Subject }},
	{"time", cel.TimestampType, func(v *variables) any { return v.time }},
}

// ResolveName implements interpreter.Activation.
func (v *variables) ResolveName(name string) (any, bool) {
	for i := range builtins {
		if builtins[i].name == name {
			return builtins[i].value(v), true
		}
	}
	if name == itemName && v.items != nil {
		return v.item, true
	}
	for i := range v.source.lets {
		if v.source.lets[i].name == name {
			return v.let(i), true
		}
	}
	return nil, false
}

func (v *variables) let(i int) any {
	l := &v.lets[i]
	if l.known {
		return l.value
	}
	l.known = true
	out, err := v.source.lets[i].expression.run(v)
	switch failed := out.(type) {
	case nil:
		l.value = types.WrapErr(err)
	case *types.Err:
		l.value = failed
	case writtenNumber:
		l.value = failed.text
	default:
		l.value = out
		// CEL finds a field of a plain map faster than one of its own.
		switch plain := out.Value().(type) {
		case map[string]any, []any:
			l.value = plain
		}
	}
	return l.value
}

// keyValue is the record's key: text, bytes if it is not UTF-8, or null. It is made once
// for all who ask.
func (v *variables) keyValue() any {
	key := v.record.Key
	switch {
	case key == nil || v.key != nil:
		return v.key
	case utf8.Valid(key):
		v.key = string(key)
		return v.key
	}
	return key
}

// headerTexts are the record's headers, of several of one name the last. One that
// is not UTF-8 stays as it is, so that two that differ stay two: no check takes it
// for a name.
func (v *variables) headerTexts() map[string]string {
	if v.headers == nil {
		v.headers = make(map[string]string, len(v.record.Headers))
		for _, h := range v.record.Headers {
			v.headers[h.Key] = string(h.Value)
		}
	}
	return v.headers
}

// storable reports whether a time can be that of an item.
func storable(t time.Time) bool {
	year := t.UTC().Year()
	return year >= 1970 && year <= 9999
}
