package engine_test

import (
	"testing"

	"github.com/belfry/belfry/engine/kafka"
)

func TestTraceHeaders(t *testing.T) {
	const recorded = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for _, tt := range []struct {
		header  string
		valid   bool
		carried bool
	}{
		{recorded, true, true},
		{"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", true, false},
		{"00-00000000000000000000000000000000-b7ad6b7169203331-01", false, false},
		{"", false, false},
		{"nonsense", false, false},
	} {
		span := kafka.ParseTrace([]byte(tt.header))
		if span.IsValid() != tt.valid {
			t.Errorf("%q: got valid %t, want %t", tt.header, span.IsValid(), tt.valid)
		}
		headers := kafka.TraceHeaders(span)
		if (headers != nil) != tt.carried {
			t.Errorf("%q: got headers %v", tt.header, headers)
		}
		if tt.carried && string(headers["traceparent"]) != recorded {
			t.Errorf("got %s, want %s", headers["traceparent"], recorded)
		}
	}
}
