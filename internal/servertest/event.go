package servertest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Event is one event as a client reads it. The retry field comes as an event
// of its own, without a name.
type Event struct {
	Name, Data, ID string
	HasID          bool
	Retry          time.Duration
}

// ParseSSE reads the whole events at the beginning of b and returns the rest.
// It accepts only what this server writes, which is less than the format has.
func ParseSSE(b []byte) (events []Event, rest []byte, err error) {
	for {
		block, after, ok := bytes.Cut(b, []byte("\n\n"))
		if !ok {
			return events, b, nil
		}
		var e Event
		for line := range strings.SplitSeq(string(block), "\n") {
			name, value, ok := strings.Cut(line, ": ")
			if !ok || strings.ContainsAny(value, "\r\x00") {
				return events, b, fmt.Errorf("line %q is no field", line)
			}
			switch name {
			case "event":
				e.Name = value
			case "id":
				e.ID, e.HasID = value, true
			case "data":
				if e.Data != "" {
					return events, b, fmt.Errorf("more than one line of data: %q", block)
				}
				e.Data = value
			case "retry":
				ms, err := strconv.Atoi(value)
				if err != nil {
					return events, b, err
				}
				e.Retry = time.Duration(ms) * time.Millisecond
			default:
				return events, b, fmt.Errorf("field %q", name)
			}
		}
		if e.Name != "" && !json.Valid([]byte(e.Data)) {
			return events, b, fmt.Errorf("data %q is no JSON", e.Data)
		}
		events, b = append(events, e), after
	}
}

// String is "name data id=…", or "retry".
func (e Event) String() string {
	if e.Name == "" {
		return "retry"
	}
	if e.HasID {
		return e.Name + " " + e.Data + " id=" + e.ID
	}
	return e.Name + " " + e.Data
}

// Matches holds each word of want against got, in order; ids must be equal.
func Matches(got, want string) bool {
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
