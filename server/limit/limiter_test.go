package limit

import (
	"errors"
	"fmt"
	"hash/maphash"
	"testing"
	"testing/synctest"
	"time"
)

// TestWritesAreBounded has more subjects than are told apart: the busy ones stay so
// as long as idle ones can go.
func TestWritesAreBounded(t *testing.T) {
	p, now := NewCalls(ErrWrites, NewAllowance(1, 2), Allowance{}), time.Now()
	take := func(subject string) bool {
		err := p.Take(subject, false, 1, now)
		if err != nil && !errors.Is(err, ErrWrites) {
			t.Fatal(err)
		}
		return err == nil
	}
	for i := range maxSubjects - 1 {
		take(fmt.Sprint("idle ", i))
	}
	now = now.Add(10 * time.Second)
	for i, want := range []bool{true, true, false} {
		if got := take("busy"); got != want {
			t.Errorf("call %d: let through %t, want %t", i, got, want)
		}
	}
	take("one more")
	if take("busy") {
		t.Error("the busy subject was forgotten")
	}
	if got := len(p.subjects.due); got != 2 {
		t.Errorf("got %d subjects, want the 2 that are not idle", got)
	}
	for i := range 3 * maxSubjects {
		take(fmt.Sprint("flood ", i))
	}
	if got := len(p.subjects.due); got > maxSubjects {
		t.Errorf("got %d subjects, want at most %d", got, maxSubjects)
	}
}

func TestPollsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		polls := NewPolls()
		l := polls.users
		l.max = 10
		take := func(user int) time.Duration { return polls.Take(fmt.Sprint(user), 20*time.Second, time.Now()) }
		time.Sleep(time.Minute)
		for user := range 100 {
			if wait := take(user); wait != 0 {
				t.Errorf("user %d has to wait %s at the first poll", user, wait)
			}
		}
		if len(l.due) != 10 {
			t.Errorf("knows %d users, want 10", len(l.due))
		}
		// Those it knows are held to the rule all the same.
		for range PollBurst - 1 {
			take(3)
		}
		if take(3) == 0 {
			t.Error("one that is known may ask as often as it likes")
		}
		// Later there is nothing to know of the others.
		time.Sleep(2 * time.Second)
		for user := range 9 {
			take(200 + user)
		}
		if _, known := l.due[maphash.String(l.seed, "0")]; known || len(l.due) != 10 || take(3) > 0 {
			t.Errorf("knows %d users, want user 3 and the newcomers", len(l.due))
		}
	})
}

// A rate is a token bucket's: burst at once, and then what has come since.
func TestWritesRate(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		rate  float64
		burst int
		after time.Duration // of the first refusal
		wait  time.Duration
	}{
		{200, 400, 0, 5 * time.Millisecond},
		{0.25, 3, 1500 * time.Millisecond, 2500 * time.Millisecond},
		{1e-12, 400, time.Hour, longestBurst/400 - time.Hour},
	} {
		w := NewCalls(ErrWrites, NewAllowance(tt.rate, tt.burst), Allowance{})
		for i := range tt.burst {
			if err := w.Take("s", false, 1, now); err != nil {
				t.Errorf("%v a second: call %d of the burst: %v", tt.rate, i, err)
			}
		}
		err := w.Take("s", false, 1, now.Add(tt.after))
		if e, ok := errors.AsType[*TooMany](err); !ok || e.After != tt.wait {
			t.Errorf("%v a second: got %v, want to wait %s", tt.rate, err, tt.wait)
		}
	}
	for range 10 {
		if err := NewCalls(ErrWrites, NewAllowance(-1, 1), Allowance{}).Take("s", false, 1, now); err != nil {
			t.Error(err)
		}
	}
}
