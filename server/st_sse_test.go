package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// sseEvent is one event as a client reads it. The retry field comes as an event
// of its own, without a name.
type sseEvent struct {
	name, data, id string
	hasID          bool
	retry          time.Duration
}

// parseSSE reads the whole events at the beginning of b and returns the rest.
// It accepts only what this server writes, which is less than the format has.
func parseSSE(b []byte) (events []sseEvent, rest []byte, err error) {
	for {
		block, after, ok := bytes.Cut(b, []byte("\n\n"))
		if !ok {
			return events, b, nil
		}
		var e sseEvent
		for line := range strings.SplitSeq(string(block), "\n") {
			name, value, ok := strings.Cut(line, ": ")
			if !ok || strings.ContainsAny(value, "\r\x00") {
				return events, b, fmt.Errorf("line %q is no field", line)
			}
			switch name {
			case "event":
				e.name = value
			case "id":
				e.id, e.hasID = value, true
			case "data":
				if e.data != "" {
					return events, b, fmt.Errorf("more than one line of data: %q", block)
				}
				e.data = value
			case "retry":
				ms, err := strconv.Atoi(value)
				if err != nil {
					return events, b, err
				}
				e.retry = time.Duration(ms) * time.Millisecond
			default:
				return events, b, fmt.Errorf("field %q", name)
			}
		}
		if e.name != "" && !json.Valid([]byte(e.data)) {
			return events, b, fmt.Errorf("data %q is no JSON", e.data)
		}
		events, b = append(events, e), after
	}
}

// String is "name data id=…", or "retry".
func (e sseEvent) String() string {
	if e.name == "" {
		return "retry"
	}
	if e.hasID {
		return e.name + " " + e.data + " id=" + e.id
	}
	return e.name + " " + e.data
}

// matches holds each word of want against got, in order; ids must be equal.
func matches(got, want string) bool {
	rest := got
	for word := range strings.FieldsSeq(want) {
		i := strings.Index(rest, word)
		if i < 0 {
			return false
		}
		rest = rest[i+len(word):]
	}
	_, gotID, _ := strings.Cut(got, " id=")
	_, wantID, _ := strings.Cut(want, " id=")
	return gotID == wantID && strings.HasPrefix(got, strings.Fields(want)[0])
}
