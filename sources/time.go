package sources

import (
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
)

// setTime sets the event's time from its text form (RFC 3339). A malformed one
// is left out: the record's timestamp serves.
func setTime(e *event.Event, s string) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		e.SetTime(t)
	}
}
