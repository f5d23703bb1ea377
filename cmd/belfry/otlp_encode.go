package main

import (
	"math"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/protobuf/encoding/protowire"
)

// encodeSpans returns an ExportTraceServiceRequest
// (opentelemetry/proto/collector/trace/v1), which has the spans of one process.
// Field numbers are those of opentelemetry-proto 1.x, in which they are stable.
func encodeSpans(spans []sdktrace.ReadOnlySpan) []byte {
	var of otlp
	of.message(1, func(m *otlp) { // ResourceSpans
		m.message(1, func(m *otlp) { m.attributes(1, spans[0].Resource().Attributes()) })
		scopes := map[instrumentation.Scope][]sdktrace.ReadOnlySpan{}
		for _, s := range spans {
			scopes[s.InstrumentationScope()] = append(scopes[s.InstrumentationScope()], s)
		}
		for scope, spans := range scopes {
			m.message(2, func(m *otlp) { // ScopeSpans
				m.message(1, func(m *otlp) {
					m.text(1, scope.Name)
					m.text(2, scope.Version)
				})
				for _, s := range spans {
					m.message(2, func(m *otlp) { m.span(s) })
				}
			})
		}
	})
	return of.b
}

// otlp is a message that is being encoded.
type otlp struct{ b []byte }

func (o *otlp) span(s sdktrace.ReadOnlySpan) {
	id, parent := s.SpanContext(), s.Parent()
	trace, span := id.TraceID(), id.SpanID()
	o.bytes(1, trace[:])
	o.bytes(2, span[:])
	o.text(3, id.TraceState().String())
	if p := parent.SpanID(); p.IsValid() {
		o.bytes(4, p[:])
	}
	o.text(5, s.Name())
	o.number(6, uint64(s.SpanKind()))
	o.fixed(7, uint64(s.StartTime().UnixNano()))
	o.fixed(8, uint64(s.EndTime().UnixNano()))
	o.attributes(9, s.Attributes())
	if status := s.Status(); status.Code != codes.Unset {
		o.message(15, func(m *otlp) {
			m.text(2, status.Description)
			// OTLP has ok before error, the API the other way round.
			m.number(3, map[codes.Code]uint64{codes.Ok: 1, codes.Error: 2}[status.Code])
		})
	}
}

func (o *otlp) attributes(field protowire.Number, all []attribute.KeyValue) {
	for _, a := range all {
		o.message(field, func(m *otlp) {
			m.text(1, string(a.Key))
			m.message(2, func(m *otlp) {
				switch a.Value.Type() {
				case attribute.BOOL:
					m.number(2, protowire.EncodeBool(a.Value.AsBool()))
				case attribute.INT64:
					m.number(3, uint64(a.Value.AsInt64()))
				case attribute.FLOAT64:
					m.fixed(4, math.Float64bits(a.Value.AsFloat64()))
				default:
					m.text(1, a.Value.String())
				}
			})
		})
	}
}

func (o *otlp) message(field protowire.Number, fill func(*otlp)) {
	var m otlp
	fill(&m)
	o.bytes(field, m.b)
}

func (o *otlp) bytes(field protowire.Number, value []byte) {
	o.b = protowire.AppendBytes(protowire.AppendTag(o.b, field, protowire.BytesType), value)
}

func (o *otlp) text(field protowire.Number, value string) { o.bytes(field, []byte(value)) }

func (o *otlp) number(field protowire.Number, value uint64) {
	o.b = protowire.AppendVarint(protowire.AppendTag(o.b, field, protowire.VarintType), value)
}

func (o *otlp) fixed(field protowire.Number, value uint64) {
	o.b = protowire.AppendFixed64(protowire.AppendTag(o.b, field, protowire.Fixed64Type), value)
}
