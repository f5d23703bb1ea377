package replay_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/deadletter/replay"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/enginetest"
)

func TestLettersAreListedNewestFirst(t *testing.T) {
	t.Parallel()
	cfg := installed(t)
	dead, letters := enginetest.OpenDead(t, cfg, prefix.DeadLetters()), replay.NewLetters(cfg, prefix)
	if got := enginetest.LettersOf(t, letters, deadletter.Filter{}, 10); len(got) != 0 {
		t.Fatalf("%d letters of none", len(got))
	}
	// More than one window of a partition, from eight source partitions.
	const count = 3000
	began := time.Now()
	for i := range count {
		why := deadletter.Envelope{Reason: deadletter.ReasonInvalid, Error: strings.Repeat("가", 1000), Group: "g", TopicID: [16]byte{1}}
		if i%7 == 0 {
			why.Reason, why.Rule = deadletter.ReasonRule, "r"
		}
		m := &sarama.ConsumerMessage{Topic: fmt.Sprintf("t%d", i%2), Partition: int32(i % 8), Offset: int64(i), Value: []byte("secret")}
		dead.Send(t.Context(), m, why, func(err error) {
			if err != nil {
				t.Error(err)
			}
		})
	}
	await.Eventually(t, patience, func() string { return "letters are not acknowledged" }, func() bool { return dead.UnderWay() == 0 })

	all := enginetest.LettersOf(t, letters, deadletter.Filter{}, 700)
	if len(all) != count {
		t.Fatalf("listed %d letters, want %d", len(all), count)
	}
	last := map[int32]int64{}
	seen := map[int64]bool{}
	for i, l := range all {
		if l.Key != nil || l.Value != nil || l.Headers != nil || len(l.Error) > 512 {
			t.Fatalf("a list holds contents: %+v", l)
		}
		if before, ok := last[l.ID.Partition]; ok && l.ID.Offset >= before {
			t.Fatalf("letter %s comes after %d", l.ID, before)
		}
		last[l.ID.Partition], seen[l.Offset] = l.ID.Offset, true
		if i > 0 && l.DeadAt.Sub(all[i-1].DeadAt) > time.Millisecond {
			t.Fatalf("letter %s of %v comes after one of %v", l.ID, l.DeadAt, all[i-1].DeadAt)
		}
	}
	if len(seen) != count {
		t.Errorf("%d letters, but %d of them twice", len(all), count-len(seen))
	}

	for name, tt := range map[string]struct {
		filter deadletter.Filter
		want   int
	}{
		"reason":        {deadletter.Filter{Reasons: []deadletter.Reason{deadletter.ReasonRule}}, (count + 6) / 7},
		"rule, topic":   {deadletter.Filter{Rules: []string{"r"}, Topics: []string{"t1"}}, 214},
		"other group":   {deadletter.Filter{Groups: []string{"x"}}, 0},
		"since now":     {deadletter.Filter{Since: time.Now().Add(time.Hour)}, 0},
		"since then":    {deadletter.Filter{Since: began.Add(-time.Second), Until: time.Now().Add(time.Second)}, count},
		"since the one": {deadletter.Filter{Since: all[0].DeadAt}, 1},
		"until the one": {deadletter.Filter{Until: all[0].DeadAt}, count - 1},
	} {
		if got := enginetest.LettersOf(t, letters, tt.filter, 1000); len(got) != tt.want {
			t.Errorf("%s: %d letters, want %d", name, len(got), tt.want)
		}
	}

	// All letters of a source partition, in the order in which they were set aside.
	next := map[int32]int64{}
	err := letters.Each(t.Context(), deadletter.Filter{Topics: []string{"t1"}}, func(l *deadletter.Letter) error {
		if string(l.Value) != "secret" || l.Offset < next[l.Partition] {
			t.Fatalf("%s/%d at %d after %d, value %q", l.Topic, l.Partition, l.Offset, next[l.Partition], l.Value)
		}
		next[l.Partition] = l.Offset + 1
		return nil
	})
	if err != nil || len(next) != 4 {
		t.Errorf("letters of partitions %v, %v", next, err)
	}
	stop := errors.New("stop")
	if err := letters.Each(t.Context(), deadletter.Filter{}, func(*deadletter.Letter) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v, want the error of visit", err)
	}
	if _, err := letters.List(t.Context(), deadletter.Query{Limit: 1, Before: deadletter.Cursor{1}}); !errors.Is(err, belfry.ErrInvalid) {
		t.Errorf("a cursor of fewer partitions: %v", err)
	}
}

func TestLetter(t *testing.T) {
	t.Parallel()
	cfg := installed(t)
	dead, letters := enginetest.OpenDead(t, cfg, prefix.DeadLetters()), replay.NewLetters(cfg, prefix)
	own := deadletter.Envelope{Reason: deadletter.ReasonEmpty, Topic: "theirs"}
	m := &sarama.ConsumerMessage{Topic: "in", Partition: 2, Offset: 9, Key: []byte{}, Value: []byte("v")}
	for _, h := range own.AsHeaders() {
		m.Headers = append(m.Headers, &sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
	}
	enginetest.SetAside(t, dead, deadletter.Envelope{Reason: deadletter.ReasonPanic, Stack: "stack", Group: "g"}, m)
	listed := enginetest.LettersOf(t, letters, deadletter.Filter{}, 5)
	if len(listed) != 1 {
		t.Fatalf("%d letters", len(listed))
	}
	id := listed[0].ID
	got, err := letters.Letter(t.Context(), id)
	if err != nil || got.Topic != "in" || got.Reason != deadletter.ReasonPanic || got.Stack != "stack" || string(got.Value) != "v" || got.Key == nil ||
		len(got.Headers) != len(m.Headers) || got.Replayed {
		t.Errorf("got %+v, %v", got, err)
	}

	// Marks are no letters; a foreign record is told as one, and stops nobody.
	produce(t, cfg,
		&sarama.ProducerMessage{Topic: prefix.DeadLetters(), Partition: id.Partition, Headers: []sarama.RecordHeader{{Key: []byte(deadletter.HeaderReplayed), Value: fmt.Appendf(nil, "%d,99", id.Offset)}}},
		&sarama.ProducerMessage{Topic: prefix.DeadLetters(), Partition: id.Partition, Value: sarama.StringEncoder("x")})
	if got, err := letters.Letter(t.Context(), id); err != nil || !got.Replayed {
		t.Errorf("a marked letter: %v, %v", got.Replayed, err)
	}
	listed = enginetest.LettersOf(t, letters, deadletter.Filter{}, 5)
	if len(listed) != 2 || listed[0].Reason != deadletter.ReasonForeign || listed[0].Replayed || !listed[1].Replayed {
		t.Errorf("listed %+v", listed)
	}
	// On a second page the mark lies behind where it begins.
	if again := enginetest.LettersOf(t, letters, deadletter.Filter{}, 1); len(again) != 2 || !again[1].Replayed {
		t.Errorf("by pages of one: %+v", again)
	}
	if pending := enginetest.LettersOf(t, letters, deadletter.Filter{Pending: true}, 5); len(pending) != 1 || pending[0].Reason != deadletter.ReasonForeign {
		t.Errorf("pending: %+v", pending)
	}
	for _, id := range []deadletter.ID{{Partition: id.Partition, Offset: 1}, {Partition: id.Partition, Offset: 77}, {Partition: 99}, {Partition: -1}, {Partition: math.MinInt32, Offset: math.MinInt64}, {Partition: id.Partition, Offset: -1}, {Partition: (id.Partition + 1) % partitions}} {
		if got, err := letters.Letter(t.Context(), id); !errors.Is(err, deadletter.ErrNoLetter) {
			t.Errorf("letter %s: %+v, %v", id, got, err)
		}
	}
}

func TestPurge(t *testing.T) {
	t.Parallel()
	cfg := installed(t)
	dead, letters := enginetest.OpenDead(t, cfg, prefix.DeadLetters()), replay.NewLetters(cfg, prefix)
	why := deadletter.Envelope{Reason: deadletter.ReasonInvalid, Group: "g"}
	records := func(from, to int) (out []*sarama.ConsumerMessage) {
		for i := from; i < to; i++ {
			out = append(out, &sarama.ConsumerMessage{Topic: "in", Partition: int32(i % 4), Offset: int64(i)})
		}
		return out
	}
	enginetest.SetAside(t, dead, why, records(0, 40)...)
	first := enginetest.LettersOf(t, letters, deadletter.Filter{}, 100)
	produce(t, cfg, &sarama.ProducerMessage{Topic: prefix.DeadLetters(), Partition: first[0].ID.Partition,
		Headers: []sarama.RecordHeader{{Key: []byte(deadletter.HeaderReplayed), Value: fmt.Append(nil, first[0].ID.Offset)}}})
	// Timestamps are milliseconds.
	border := time.Now().Truncate(time.Millisecond).Add(2 * time.Millisecond)
	await.Eventually(t, patience, func() string { return "time stands still" }, func() bool { return time.Now().After(border) })
	enginetest.SetAside(t, dead, why, records(40, 50)...)

	want := replay.Purged{Letters: 40, Pending: 39}
	for _, apply := range []bool{false, true} {
		if n := len(enginetest.LettersOf(t, letters, deadletter.Filter{}, 100)); n != 50 {
			t.Fatalf("%d letters before", n)
		}
		if got, err := letters.Purge(t.Context(), border, apply); err != nil || got != want {
			t.Errorf("apply %v: got %+v, %v, want %+v", apply, got, err, want)
		}
	}
	left := enginetest.LettersOf(t, letters, deadletter.Filter{}, 100)
	if len(left) != 10 || slices.ContainsFunc(left, func(l deadletter.Letter) bool { return l.Offset < 40 }) {
		t.Errorf("left %+v", left)
	}
	if got, err := letters.Purge(t.Context(), border, true); err != nil || got != (replay.Purged{}) {
		t.Errorf("again: %+v, %v", got, err)
	}
	if got, err := letters.Purge(t.Context(), time.Now().Add(time.Hour), true); err != nil || got.Letters != 10 {
		t.Errorf("all: %+v, %v", got, err)
	}
	if left := enginetest.LettersOf(t, letters, deadletter.Filter{}, 100); len(left) != 0 {
		t.Errorf("left %+v", left)
	}
}
