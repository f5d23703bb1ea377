package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/enginetest"
)

func TestDeadLettersAreAsReceived(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	cfg.Version = "v9"
	enginetest.CreateTopics(t, cfg, 1, "dead")
	dead, err := engine.OpenDeadLetters(cfg, "dead")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 31, 18, 0, 0, 5e6, time.FixedZone("KST", 9*3600))
	header := func(k, v string) *sarama.RecordHeader {
		return &sarama.RecordHeader{Key: []byte(k), Value: []byte(v)}
	}
	tests := []struct {
		name  string
		raw   sarama.ConsumerMessage
		cause error
		want  string
	}{
		{"null key, empty value, headers in order and repeated",
			sarama.ConsumerMessage{Value: []byte{}, Headers: []*sarama.RecordHeader{header("b", "1"), header("a", "2"), header("b", "3"), header(deadletter.HeaderReason, "theirs")}},
			errTest, `key=nil value="" b=1 a=2 b=3 belfry-reason=theirs`},
		{"empty key, null value", sarama.ConsumerMessage{Key: []byte{}}, errTest, `key="" value=nil`},
		{"bytes that are no text", sarama.ConsumerMessage{Key: []byte{0xff}, Value: []byte{0, 0xfe}}, errTest, `key="\xff" value="\x00\xfe"`},
		{"panic", sarama.ConsumerMessage{Key: []byte("k"), Value: []byte("v")},
			engine.Guard(func() error { panic("oh") }), `key="k" value="v"`},
	}
	acknowledged := make(chan error, len(tests))
	for i, tt := range tests {
		tt.raw.Topic, tt.raw.Partition, tt.raw.Offset, tt.raw.Timestamp = "in", 3, int64(i), at
		why := deadletter.Envelope{Reason: deadletter.ReasonInvalid, Error: tt.cause.Error(), Group: "g", TopicID: [16]byte{0xbe, 15: 1}, Attempt: i + 1}
		var p *engine.PanicError
		if errors.As(tt.cause, &p) {
			why.Stack = p.Stack
		}
		dead.Send(t.Context(), &tt.raw, why, func(err error) { acknowledged <- err })
	}
	for range tests {
		if err := <-acknowledged; err != nil {
			t.Errorf("not acknowledged: %v", err)
		}
	}
	if err := dead.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	for i, m := range enginetest.Consume(t, cfg, "dead", len(tests)) {
		t.Run(tests[i].name, func(t *testing.T) {
			theirs, ours := 0, []string(nil)
			line := fmt.Sprintf("key=%s value=%s", quote(m.Key), quote(m.Value))
			for _, h := range m.Headers {
				if theirs < len(tests[i].raw.Headers) {
					line += fmt.Sprintf(" %s=%s", h.Key, h.Value)
					theirs++
					continue
				}
				value := string(h.Value)
				switch string(h.Key) {
				case deadletter.HeaderStack:
					if !strings.Contains(value, "goroutine") || len(value) > 4096 {
						t.Errorf("stack of %d bytes: %.40q", len(value), value)
					}
					value = "..."
				case deadletter.HeaderDeadAt:
					if at, err := time.Parse(time.RFC3339, value); err != nil || time.Since(at) > time.Hour || !at.Truncate(time.Millisecond).Equal(m.Timestamp) {
						t.Errorf("dead at %q, the letter's timestamp is %v: %v", value, m.Timestamp, err)
					}
					value = "..."
				}
				ours = append(ours, string(h.Key)+"="+value)
			}
			if line != tests[i].want {
				t.Errorf("got %s, want %s", line, tests[i].want)
			}
			want := []string{"belfry-reason=invalid", "belfry-error=" + tests[i].cause.Error(), "belfry-group=g", "belfry-topic=in",
				"belfry-topic-id=be000000000000000000000000000001", "belfry-partition=3", fmt.Sprintf("belfry-offset=%d", i),
				"belfry-timestamp=2026-01-31T09:00:00.005Z", fmt.Sprintf("belfry-attempt=%d", i+1), "belfry-version=v9", "belfry-dead-at=..."}
			if tests[i].name == "panic" {
				want = slices.Insert(want, 2, "belfry-stack=...")
			}
			if !slices.Equal(ours, want) {
				t.Errorf("our headers are %q, want %q", ours, want)
			}
		})
	}
}

func quote(b []byte) string {
	if b == nil {
		return "nil"
	}
	return fmt.Sprintf("%q", b)
}

// A partition that is given back, in a rebalance say, has its last letter written
// all the same: an error would end the whole group.
func TestDeadLetterOfAPartitionThatIsGivenBack(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, "dead")
	dead, err := engine.OpenDeadLetters(cfg, "dead")
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	acknowledged := make(chan error, 1)
	dead.Send(ended, &sarama.ConsumerMessage{Topic: "in"}, deadletter.Envelope{Reason: deadletter.ReasonEmpty}, func(err error) { acknowledged <- err })
	if err := <-acknowledged; err != nil {
		t.Error(err)
	}
	if err := dead.Close(); err != nil || dead.UnderWay() != 0 {
		t.Errorf("%d bytes are under way, %v", dead.UnderWay(), err)
	}
}

func TestGuardGivesPanicsAsErrors(t *testing.T) {
	if err := engine.Guard(func() error { return nil }); err != nil {
		t.Errorf("nothing wrong: %v", err)
	}
	if err := engine.Guard(func() error { return errTest }); !errors.Is(err, errTest) {
		t.Errorf("an error: %v", err)
	}
	err := engine.Guard(func() error {
		var row *inbox.State
		row.Version = 1
		return nil
	})
	var p *engine.PanicError
	if !errors.As(err, &p) || !strings.Contains(err.Error(), "nil pointer") || strings.Contains(err.Error(), "goroutine") || p.Stack == "" {
		t.Errorf("a panic: %v", err)
	}
}

func TestBytesIsACodecOfBytesAlone(t *testing.T) {
	if got, err := (engine.Bytes{}).Encode([]byte("a")); string(got) != "a" || err != nil {
		t.Errorf("Encode = %q, %v", got, err)
	}
	if _, err := (engine.Bytes{}).Encode("a"); err == nil {
		t.Error("a string was encoded")
	}
	if got, err := (engine.Bytes{}).Decode([]byte{}); got == nil || err != nil {
		t.Errorf("Decode = %v, %v", got, err)
	}
}

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
