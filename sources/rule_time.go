package sources

import (
	"fmt"
	"time"
)

// parseEventTime reads a time as an event has it.
func parseEventTime(v any, zone *time.Location) (time.Time, error) {
	if s, ok := v.(string); ok {
		for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02"} {
			if t, err := time.ParseInLocation(layout, s, zone); err == nil {
				return t, nil
			}
		}
	}
	return time.Time{}, fmt.Errorf("%v is no time", v)
}
