package envelope

import (
	"strings"

	"github.com/belfry/belfry/sources"
)

// connectPayload returns the payload of what Kafka Connect's JSON converter
// writes unless schemas.enable=false: {"schema": {"type": …} or null, "payload"}.
func connectPayload(v any) (any, bool) {
	m, ok := v.(map[string]any)
	if !ok || len(m) != 2 {
		return nil, false
	}
	schema, hasSchema := m["schema"]
	payload, hasPayload := m["payload"]
	if !hasSchema || !hasPayload {
		return nil, false
	}
	if schema != nil {
		s, ok := schema.(map[string]any)
		if _, typed := s["type"].(string); !ok || !typed {
			return nil, false
		}
	}
	return payload, true
}

// describe returns the event of a value, with what Debezium says in it where
// the envelope says nothing.
func (d *decoding) describe(c content, e sources.Event) sources.Event {
	e.Value, e.Text = c.value, c.text
	m, _ := c.value.(map[string]any)
	if source, op, ok := change(m); ok {
		e = ofChange(m, source, op, e)
	}
	if e.Attributes == nil {
		if d.headers.id != "" {
			e.Type = d.outboxEnvelope(m, e.Type)
		}
		e.ID = d.headers.outboxID(d.at.Topic, hasOutboxColumns(m))
	}
	return e
}

// change recognises a Debezium change event: op is c (created), u (updated), d
// (deleted), r (read in a snapshot), t (truncated) or m (message).
func change(m map[string]any) (source map[string]any, op string, ok bool) {
	op, ok = m["op"].(string)
	if !ok || len(op) != 1 || !strings.Contains("cudrtm", op) {
		return nil, "", false
	}
	source, ok = m["source"].(map[string]any)
	if _, has := source["connector"].(string); !ok || !has {
		return nil, "", false
	}
	return source, op, true
}

// ofChange names a change after its table (or collection) and op, its source
// after the connector's topic prefix, and its time after the database's clock.
// An envelope that is there already has the better names.
func ofChange(m, source map[string]any, op string, e sources.Event) sources.Event {
	if e.Type == "" {
		e.Type = op
		for _, name := range []string{"table", "collection"} {
			if table, _ := source[name].(string); table != "" {
				e.Type = table + "." + op
				break
			}
		}
	}
	if e.Source == "" {
		e.Source, _ = source["name"].(string)
	}
	if e.Time.IsZero() {
		e.Time = eventTime(source["ts_ms"])
	}
	if e.Time.IsZero() {
		e.Time = eventTime(m["ts_ms"])
	}
	return e
}

// hasOutboxColumns reports an outbox event whose further columns stand beside its
// payload (table.fields.additional.placement, "envelope").
func hasOutboxColumns(m map[string]any) bool {
	if _, ok := m["payload"]; !ok {
		return false
	}
	for name := range m {
		if name == "eventType" || isAggregate(name) {
			return true
		}
	}
	return false
}

// outboxEnvelope returns the type of an outbox event whose further columns stand
// beside its payload, and unwraps that payload if it is escaped.
func (d *decoding) outboxEnvelope(m map[string]any, typeName string) string {
	payload, ok := m["payload"]
	if !ok {
		return typeName
	}
	m["payload"] = d.unwrapText(content{value: payload}).value
	for _, name := range []string{"eventType", "type"} {
		if text, _ := m[name].(string); typeName == "" {
			typeName = text
		}
	}
	return typeName
}
