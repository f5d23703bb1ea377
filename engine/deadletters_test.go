package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

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
