package engine_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/internal/enginetest"
)

// No record is too large to become a dead letter: what does not fit is cut, and
// the letter says what it was.
func TestNoDeadLetterIsTooLarge(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, "dead")
	dead, err := engine.OpenDeadLetters(cfg, "dead")
	if err != nil {
		t.Fatal(err)
	}
	const mega = 1 << 20
	headers := func(n, size int) (out []*sarama.RecordHeader) {
		for i := range n {
			out = append(out, &sarama.RecordHeader{Key: fmt.Appendf(nil, "h%d", i), Value: bytes.Repeat([]byte("x"), size)})
		}
		return out
	}
	long := strings.Repeat("가", 10_000)
	wordy := deadletter.Envelope{Reason: deadletter.ReasonPanic, Error: long, Stack: long, Group: long, Rule: long, Field: long}
	tests := []struct {
		name                 string
		raw                  sarama.ConsumerMessage
		why                  deadletter.Envelope
		length, headers, key int // as the letter says of cuts
		value                int // bytes that are left at the least
	}{
		{"all fits", sarama.ConsumerMessage{Key: []byte("k"), Value: make([]byte, mega), Headers: headers(3, 10)}, deadletter.Envelope{}, 0, 0, 0, mega},
		{"nearly too large", sarama.ConsumerMessage{Value: make([]byte, 1_999_000)}, deadletter.Envelope{}, 0, 0, 0, 1_999_000},
		{"a long error beside", sarama.ConsumerMessage{Value: make([]byte, 1_999_000)}, wordy, 1_999_000, 0, 0, 1_980_000},
		{"large value", sarama.ConsumerMessage{Key: []byte("k"), Value: make([]byte, 3*mega), Headers: headers(3, 10)}, deadletter.Envelope{}, 3 * mega, 0, 0, 1_990_000},
		{"large value beside large headers", sarama.ConsumerMessage{Value: make([]byte, 2*mega), Headers: headers(10, mega/10)}, deadletter.Envelope{}, 2 * mega, 0, 0, 940_000},
		{"headers alone", sarama.ConsumerMessage{Key: []byte("k"), Value: make([]byte, 100_000), Headers: headers(30, mega/10)}, deadletter.Envelope{}, 100_000, 30, 0, 1},
		{"one header alone", sarama.ConsumerMessage{Key: []byte("k"), Value: []byte("v"), Headers: headers(1, 3*mega)}, deadletter.Envelope{}, 0, 1, 0, 1},
		{"many small headers", sarama.ConsumerMessage{Value: []byte("v"), Headers: headers(400_000, 0)}, wordy, 0, 400_000, 0, 1},
		{"key alone", sarama.ConsumerMessage{Key: make([]byte, 3*mega), Value: []byte("v"), Headers: headers(1, 1)}, deadletter.Envelope{}, 1, 1, 3 * mega, 0},
		{"no value", sarama.ConsumerMessage{Headers: headers(1, 3*mega)}, deadletter.Envelope{}, 0, 1, 0, 0},
	}
	for i, tt := range tests {
		acknowledged := make(chan error, 1)
		tt.raw.Topic, tt.raw.Offset = "in", int64(i)
		if tt.why.Reason == "" {
			tt.why.Reason = deadletter.ReasonTooLarge
		}
		dead.Send(t.Context(), &tt.raw, tt.why, func(err error) { acknowledged <- err })
		if err := <-acknowledged; err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
	}
	if err := dead.Close(); err != nil {
		t.Error(err)
	}
	for i, m := range enginetest.Consume(t, cfg, "dead", len(tests)) {
		tt := tests[i]
		t.Run(tt.name, func(t *testing.T) {
			var all []belfry.Header
			for _, h := range m.Headers {
				all = append(all, belfry.Header{Key: string(h.Key), Value: h.Value})
			}
			why, own, err := deadletter.ParseEnvelope(all)
			if err != nil {
				t.Fatal(err)
			}
			if why.Length != tt.length || why.HeaderCount != tt.headers || why.KeyLength != tt.key || why.Cut() != (tt.length+tt.headers+tt.key > 0) {
				t.Errorf("cut: value of %d, %d headers, key of %d; want %d, %d, %d", why.Length, why.HeaderCount, why.KeyLength, tt.length, tt.headers, tt.key)
			}
			if !bytes.HasPrefix(tt.raw.Value, m.Value) || len(m.Value) < tt.value || (m.Value == nil) != (tt.raw.Value == nil) {
				t.Errorf("value of %d bytes, want the first %d at least", len(m.Value), tt.value)
			}
			if !bytes.HasPrefix(tt.raw.Key, m.Key) || tt.key == 0 && len(m.Key) != len(tt.raw.Key) {
				t.Errorf("key of %d bytes", len(m.Key))
			}
			if tt.headers == 0 && own != len(tt.raw.Headers) {
				t.Errorf("%d own headers, want %d", own, len(tt.raw.Headers))
			}
			for j, h := range all[:own] {
				if want := tt.raw.Headers[j]; h.Key != string(want.Key) || !bytes.Equal(h.Value, want.Value) {
					t.Fatalf("header %d is %s", j, h.Key)
				}
			}
		})
	}
}
