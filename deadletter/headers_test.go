package deadletter_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/deadletter"
)

func wholeLetter() deadletter.Envelope {
	return deadletter.Envelope{
		Reason: deadletter.ReasonRule, Error: "no such key: 이름", Stack: "goroutine 1", Rule: "order-received", Field: "title", Part: true,
		Group: "belfry-router-orders", Topic: "orders", TopicID: [16]byte{1, 15: 0xff}, Partition: 11, Offset: 1 << 40,
		Timestamp: time.Date(2026, 1, 31, 9, 0, 0, 5e6, time.UTC), Attempt: 3, Version: "v1.2.3",
		DeadAt: time.Date(2026, 1, 31, 9, 0, 1, 7, time.UTC), Length: 3 << 20, HeaderCount: 7, KeyLength: 9,
	}
}

// The record's own headers may be called as ours, be a whole dead letter even:
// somebody may have written one into a source topic. Ours are the last ones.
func TestParseDeadLetterTellsOwnHeadersFromOurs(t *testing.T) {
	foreign := deadletter.Envelope{Reason: deadletter.ReasonPanic, Topic: "other", Offset: 9, Length: 1}
	one := func(name, value string) []belfry.Header { return []belfry.Header{{Key: name, Value: []byte(value)}} }
	tests := map[string][]belfry.Header{
		"none":           nil,
		"others":         slices.Concat(one("a", "1"), one("b", ""), one("a", "2")),
		"reason":         one(deadletter.HeaderReason, "theirs"),
		"truncated":      one(deadletter.HeaderTruncated, "5"),
		"rule":           one(deadletter.HeaderRule, "theirs"),
		"replay mark":    deadletter.ReplayedMark(1, 2),
		"a whole letter": foreign.AsHeaders(),
		"two letters":    slices.Concat(foreign.AsHeaders(), one("x", "y"), foreign.AsHeaders()),
	}
	plain := wholeLetter()
	plain.Part, plain.Rule, plain.Field, plain.Stack, plain.Length, plain.HeaderCount, plain.KeyLength = false, "", "", "", 0, 0, 0
	for name, own := range tests {
		t.Run(name, func(t *testing.T) {
			for _, want := range []deadletter.Envelope{wholeLetter(), plain} {
				got, n, err := deadletter.ParseEnvelope(slices.Concat(own, want.AsHeaders()))
				if err != nil || n != len(own) || !reflect.DeepEqual(got, want) {
					t.Errorf("got %+v with %d own headers, %v\nwant %+v with %d", got, n, err, want, len(own))
				}
			}
		})
	}
}

func TestParseDeadLetterRefuses(t *testing.T) {
	letter := wholeLetter()
	with := func(name, value string) []belfry.Header {
		headers := letter.AsHeaders()
		for i := range headers {
			if headers[i].Key == name {
				headers[i].Value = []byte(value)
			}
		}
		return headers
	}
	without := func(name string) []belfry.Header {
		return slices.DeleteFunc(letter.AsHeaders(), func(h belfry.Header) bool { return h.Key == name })
	}
	tests := map[string][]belfry.Header{
		"no headers":         nil,
		"no reason":          without(deadletter.HeaderReason),
		"no offset":          without(deadletter.HeaderOffset),
		"no partition":       without(deadletter.HeaderPartition),
		"no time":            without(deadletter.HeaderDeadAt),
		"no timestamp":       without(deadletter.HeaderTimestamp),
		"negative offset":    with(deadletter.HeaderOffset, "-1"),
		"offset of old":      with(deadletter.HeaderOffset, "007"),
		"partition too high": with(deadletter.HeaderPartition, "4294967296"),
		"attempt":            with(deadletter.HeaderAttempt, "x"),
		"topic ID":           with(deadletter.HeaderTopicID, "be"),
		"topic ID and more":  with(deadletter.HeaderTopicID, strings.Repeat("be", 16)+"b"),
		"length":             with(deadletter.HeaderTruncated, "-5"),
		"mark":               deadletter.ReplayedMark(1),
	}
	for name, headers := range tests {
		t.Run(name, func(t *testing.T) {
			if got, _, err := deadletter.ParseEnvelope(headers); !errors.Is(err, deadletter.ErrNoLetter) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

// A letter without what only later versions write is read all the same.
func TestParseDeadLetterOfBefore(t *testing.T) {
	letter := wholeLetter()
	old := []string{deadletter.HeaderTopicID, deadletter.HeaderAttempt, deadletter.HeaderVersion, deadletter.HeaderRule, deadletter.HeaderField}
	headers := slices.DeleteFunc(letter.AsHeaders(), func(h belfry.Header) bool { return slices.Contains(old, h.Key) })
	headers = append(headers, belfry.Header{Key: "belfry-of-the-future", Value: []byte("x")})
	got, own, err := deadletter.ParseEnvelope(headers)
	want := wholeLetter()
	want.TopicID, want.Attempt, want.Version, want.Rule, want.Field = [16]byte{}, 1, "", "", ""
	if err != nil || own != 0 || got != want {
		t.Errorf("got %+v, %d, %v\nwant %+v", got, own, err, want)
	}
}

func TestAsHeadersIsBounded(t *testing.T) {
	long := strings.Repeat("가나다", 100_000)
	d := deadletter.Envelope{Reason: deadletter.Reason(long), Error: long, Stack: long, Rule: long, Field: long, Group: long, Topic: long, Version: long}
	sum := 0
	for _, h := range d.AsHeaders() {
		sum += len(h.Key) + len(h.Value)
		if !utf8.Valid(h.Value) {
			t.Errorf("%s is cut within a character", h.Key)
		}
	}
	if sum < 8<<10 || sum > 16<<10 {
		t.Errorf("%d bytes", sum)
	}
	// A text is cut where it is too long, and nowhere else.
	d = deadletter.Envelope{Error: strings.Repeat("x", 5000)}
	if got := headerOf(d, deadletter.HeaderError); len(got) != 4096 {
		t.Errorf("%d bytes are left of 5000", len(got))
	}
	// Bytes that are not UTF-8 are kept as they are.
	d = deadletter.Envelope{Error: strings.Repeat("\xff", 5000)}
	if got := headerOf(d, deadletter.HeaderError); len(got) < 4000 {
		t.Errorf("%d bytes are left of 5000", len(got))
	}
}

func headerOf(d deadletter.Envelope, name string) (value []byte) {
	for _, h := range d.AsHeaders() {
		if h.Key == name {
			value = h.Value
		}
	}
	return value
}

// A letter has headers of what there is to say alone.
func TestAsHeadersSaysNothingOfNothing(t *testing.T) {
	var got []string
	for _, h := range (&deadletter.Envelope{}).AsHeaders() {
		got = append(got, h.Key)
	}
	want := []string{
		deadletter.HeaderReason, deadletter.HeaderError, deadletter.HeaderGroup, deadletter.HeaderTopic, deadletter.HeaderPartition,
		deadletter.HeaderOffset, deadletter.HeaderTimestamp, deadletter.HeaderAttempt, deadletter.HeaderDeadAt,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCut(t *testing.T) {
	for _, tt := range []struct {
		letter deadletter.Envelope
		want   bool
	}{
		{deadletter.Envelope{}, false}, {deadletter.Envelope{Length: 1}, true},
		{deadletter.Envelope{HeaderCount: 1}, true}, {deadletter.Envelope{KeyLength: 1}, true},
	} {
		if got := tt.letter.Cut(); got != tt.want {
			t.Errorf("%+v: cut is %t", tt.letter, got)
		}
	}
}

func TestReplayOf(t *testing.T) {
	own := []belfry.Header{{Key: "theirs", Value: []byte("x")}}
	once := deadletter.WithReplayOf(own, 2)
	twice := deadletter.WithReplayOf(once, 3)
	if got := []int{deadletter.ParseReplayOf(own), deadletter.ParseReplayOf(once), deadletter.ParseReplayOf(twice)}; !slices.Equal(got, []int{0, 2, 3}) {
		t.Errorf("got attempts %v, want 0, 2 and 3", got)
	}
	if len(own) != 1 || len(once) != 2 || len(twice) != 2 || twice[0].Key != "theirs" {
		t.Errorf("got headers %v, %v, %v", own, once, twice)
	}
	for _, value := range []string{"x", "-1", "4294967296"} {
		twice[1].Value = []byte(value)
		if got := deadletter.ParseReplayOf(twice); got != 0 {
			t.Errorf("%q is attempt %d", value, got)
		}
	}
}

// TestALetterOfAnyAttemptIsRead holds that whatever attempt a record claims to be, the letter
// of the next one is read again.
func TestALetterOfAnyAttemptIsRead(t *testing.T) {
	for _, claimed := range []string{"0", "2147483646", "2147483647"} {
		replayed := []belfry.Header{{Key: "belfry-replay-of-attempt", Value: []byte(claimed)}}
		letter := wholeLetter()
		letter.Attempt = 1 + deadletter.ParseReplayOf(replayed)
		if read, _, err := deadletter.ParseEnvelope(letter.AsHeaders()); err != nil || read.Attempt != letter.Attempt {
			t.Errorf("after attempt %s: read %d, %v, want %d", claimed, read.Attempt, err, letter.Attempt)
		}
	}
}

func TestReplayedMark(t *testing.T) {
	got, ok := deadletter.ParseReplayedMark(deadletter.ReplayedMark(0, 7, 1<<40))
	if !ok || !slices.Equal(got, []int64{0, 7, 1 << 40}) {
		t.Errorf("got %v, %v", got, ok)
	}
	letter := wholeLetter()
	for name, headers := range map[string][]belfry.Header{
		"none":                      nil,
		"letter":                    letter.AsHeaders(),
		"letter of a marked record": slices.Concat(deadletter.ReplayedMark(1), letter.AsHeaders()),
		"empty":                     {{Key: deadletter.HeaderReplayed}},
		"text":                      {{Key: deadletter.HeaderReplayed, Value: []byte("1,x")}},
		"negative":                  {{Key: deadletter.HeaderReplayed, Value: []byte("-1")}},
		"numbers of another":        {{Key: "theirs", Value: []byte("1,2")}},
	} {
		if got, ok := deadletter.ParseReplayedMark(headers); ok {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

// The letter of a record is read as what it is, whatever headers the record has.
func FuzzParseDeadLetter(f *testing.F) {
	f.Add("belfry-reason", []byte("x"), "belfry-offset", []byte("-1"), "error", int64(7))
	f.Add("", []byte{}, "belfry-replayed", []byte("1,2"), "\xff", int64(0))
	f.Fuzz(func(t *testing.T, name1 string, value1 []byte, name2 string, value2 []byte, text string, offset int64) {
		own := []belfry.Header{{Key: name1, Value: value1}, {Key: name2, Value: value2}}
		// Headers by themselves are read as something or refused.
		if d, n, err := deadletter.ParseEnvelope(own); err == nil && (n > len(own) || d.Attempt < 1) {
			t.Errorf("%+v, %d", d, n)
		}
		want := wholeLetter()
		want.Offset = max(offset, 0)
		want.Error = text[:min(len(text), 100)]
		all := slices.Concat(own, want.AsHeaders())
		if _, mark := deadletter.ParseReplayedMark(all); mark {
			t.Error("a letter is taken for a mark")
		}
		got, n, err := deadletter.ParseEnvelope(all)
		if err != nil || n != len(own) || got != want {
			t.Errorf("got %+v, %d, %v\nwant %+v", got, n, err, want)
		}
	})
}
