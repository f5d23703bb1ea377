package timers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry/belfry/inbox"
)

// reached is a partition of users who are each told of something at a time, and of
// nothing in quiet hours; a tell settles that unless the fold drops it.
type reached struct {
	mu    sync.Mutex
	due   map[string]time.Duration // since the test's begin
	quiet [2]time.Duration
	began time.Time
	told  []string
	drops int // so many tells come to nothing
	err   error
	delay time.Duration // what the policy adds
	scans int
	looks int // at users who can be reached
	queue *Queue
}

func newReached() *reached {
	return &reached{due: map[string]time.Duration{}, began: time.Now()}
}

func (x *reached) next(user string, now time.Time) Next {
	due, ok := x.due[user]
	if !ok {
		return Next{}
	}
	at := x.began.Add(due + x.delay)
	looked := max(at.Sub(x.began), now.Sub(x.began))
	if looked >= x.quiet[0] && looked < x.quiet[1] {
		return Next{x.began.Add(x.quiet[1]).UnixMilli(), Wait{HoldOf("quiet"), 1}}
	}
	return Next{at.UnixMilli(), Wait{HoldOf("delay"), 1}}
}

func (x *reached) Due(string) (int64, error) { return 0, nil }

func (x *reached) Tells(user string, now time.Time) (Told, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	next := x.next(user, now)
	if next.At == 0 || next.At > now.UnixMilli() {
		return Told{Next: next}, nil
	}
	return Told{Records: []inbox.Record{{Kind: inbox.KindTell, Tell: &inbox.Tell{Channel: "chat"}}}}, nil
}

func (x *reached) EachDue(_ context.Context, visit func(string, int64, Next) error) error {
	x.mu.Lock()
	x.scans++
	found := map[string]Next{}
	for user := range x.due {
		found[user] = x.next(user, time.Now())
	}
	x.mu.Unlock()
	for _, user := range slices.Sorted(maps.Keys(found)) {
		if err := visit(user, 0, found[user]); err != nil {
			return err
		}
	}
	return nil
}

func (x *reached) Behind() int64 { return 0 }

func (x *reached) Reached(_ context.Context, after string, n int) ([]string, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.looks++
	if x.err != nil {
		return nil, x.err
	}
	users := slices.Sorted(maps.Keys(x.due))
	i, _ := slices.BinarySearch(users, after+"\x00")
	return users[i:min(i+n, len(users))], nil
}

func (x *reached) Next(user string, now time.Time) (Next, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.next(user, now), nil
}

// Append folds what it takes at once, as the owner does.
func (x *reached) Append(_ context.Context, records ...inbox.Addressed) ([]inbox.Position, error) {
	x.mu.Lock()
	if x.err != nil {
		defer x.mu.Unlock()
		return nil, x.err
	}
	var after []func()
	for _, r := range records {
		user := r.Recipients[0]
		x.told = append(x.told, fmt.Sprint(user, " ", time.Since(x.began)))
		dropped := x.drops > 0
		if dropped {
			x.drops--
		} else {
			delete(x.due, user)
		}
		next := x.next(user, time.Now())
		after = append(after, func() { x.queue.SetNext(3, user, next, dropped) })
	}
	x.mu.Unlock()
	for _, f := range after {
		f()
	}
	return nil, nil
}

func (x *reached) set(user string, due time.Duration) {
	x.mu.Lock()
	delete(x.due, user)
	if due >= 0 {
		x.due[user] = due
	}
	next := x.next(user, time.Now())
	x.mu.Unlock()
	x.queue.SetNext(3, user, next, false)
}

func (x *reached) run(t *testing.T) (release func()) {
	if x.queue == nil {
		x.queue = New(Config{Journal: x, Logger: slog.New(slog.DiscardHandler)})
	}
	ctx, cancel := context.WithCancel(t.Context())
	run := x.queue.Hold(3, x)
	var running sync.WaitGroup
	running.Go(func() { run(ctx) })
	synctest.Wait()
	return func() {
		cancel()
		running.Wait()
	}
}

func wantTold(t *testing.T, x *reached, want ...string) {
	t.Helper()
	x.mu.Lock()
	defer x.mu.Unlock()
	if !slices.Equal(x.told, want) {
		t.Errorf("got tells %q, want %q", x.told, want)
	}
	x.told = nil
}

// TestWaitInAByte holds that what an index keeps of a wait is that wait, and that the byte of a
// former release, which was the hold alone, is one of no known channel.
func TestWaitInAByte(t *testing.T) {
	for i, name := range []string{"delay", "digest", "quiet", "daily cap", "returned"} {
		hold := HoldOf(name)
		if int(hold) != 1+i || hold.String() != name {
			t.Errorf("%s is %d, %q", name, hold, hold)
		}
		if WaitOf(uint8(hold)) != (Wait{Hold: hold}) {
			t.Errorf("%s is %+v", hold, WaitOf(uint8(hold)))
		}
		for channel := range uint8(5) {
			if w := (Wait{hold, channel}); WaitOf(w.Byte()) != w {
				t.Errorf("%+v is %+v", w, WaitOf(w.Byte()))
			}
		}
	}
	if HoldOf("of later") != 0 || Hold(6).String() != "" {
		t.Errorf("an unknown hold is %d, and one of later %q", HoldOf("of later"), Hold(6))
	}
}

// pending is how many users wait, by what for.
func (x *reached) pending() map[string]int {
	all := map[string]int{}
	for wait, n := range x.queue.TellStats().Pending {
		if n != 0 {
			all[wait.Hold.String()] += n
		}
	}
	return all
}

func wantPending(t *testing.T, x *reached, want map[string]int) {
	t.Helper()
	if got := x.pending(); !maps.Equal(got, want) {
		t.Errorf("got pending %v, want %v", got, want)
	}
}

func TestTellAtItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newReached()
		x.due["kim"] = 5 * time.Second // from the session before
		defer x.run(t)()
		x.set("lee", 3*time.Second)
		x.set("han", time.Hour)
		x.set("han", 4*time.Second)
		x.set("park", 2*time.Second)
		x.set("park", -1) // seen before
		x.set("choi", time.Second)
		x.set("choi", 6*time.Second)
		wantPending(t, x, map[string]int{"delay": 4})
		time.Sleep(time.Hour)
		wantTold(t, x, "lee 3s", "han 4s", "kim 5s", "choi 6s")
		if s := x.queue.TellStats(); s.Appended["chat"] != 4 || s.Again != 0 || s.Late != 0 {
			t.Errorf("got %+v", s)
		}
		wantPending(t, x, map[string]int{})
	})
}

// While nothing can be written nothing is lost, and nobody counts as told.
func TestTellOutlivesAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newReached()
		defer x.run(t)()
		x.fail(errors.New("no brokers"))
		x.set("kim", time.Second)
		x.set("lee", 2*time.Hour)
		x.quiet = [2]time.Duration{2 * time.Hour, 3 * time.Hour}
		x.set("lee", 2*time.Hour)
		time.Sleep(time.Hour)
		// At 1, 2, 4, 8, 16, 32 and 64 s, then once a minute: 58 of them.
		if s := x.queue.TellStats(); s.Failed != 65 || s.Late != 3599*time.Second || len(s.Appended) > 0 {
			t.Errorf("got %+v", s)
		}
		wantPending(t, x, map[string]int{"delay": 1, "quiet": 1})
		x.fail(nil)
		time.Sleep(time.Minute)
		wantTold(t, x, "kim 1h0m4s")
		x.set("han", time.Since(x.began)+time.Second)
		time.Sleep(2 * time.Second)
		wantTold(t, x, "han 1h1m1s")
		if s := x.queue.TellStats(); s.Failed != 65 || s.Again != 0 || s.Appended["chat"] != 2 || s.Late != 0 {
			t.Errorf("once it can be written: got %+v", s)
		}
	})
}

// Quiet hours that begin while a tell waits hold it, although its row stays as it is.
func TestTellIsHeldWithoutAChangeOfItsRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newReached()
		x.err = errors.New("no brokers")
		defer x.run(t)()
		x.quiet = [2]time.Duration{time.Minute, time.Hour}
		x.set("kim", 50*time.Second)
		time.Sleep(70 * time.Second)
		x.mu.Lock()
		x.err = nil
		x.mu.Unlock()
		time.Sleep(time.Minute)
		if s := x.queue.TellStats(); s.Pending[Wait{HoldOf("quiet"), 1}] != 1 || s.Failed == 0 || s.Late != 0 {
			t.Errorf("got %+v", s)
		}
		time.Sleep(2 * time.Hour)
		wantTold(t, x, "kim 1h0m0s")
	})
}

// A tell that comes to nothing is told again, later each time, and at once when the row changes.
func TestTellAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newReached()
		x.drops = 4
		defer x.run(t)()
		x.set("kim", time.Second)
		time.Sleep(10 * time.Second)
		wantTold(t, x, "kim 1s", "kim 2s", "kim 4s", "kim 8s")
		x.set("kim", 2*time.Second)
		time.Sleep(time.Second)
		wantTold(t, x, "kim 10s")
		time.Sleep(time.Hour)
		wantTold(t, x)
		if s := x.queue.TellStats(); s.Appended["chat"] != 5 || s.Again != 3 {
			t.Errorf("got %+v", s)
		}
	})
}

// Another policy has everybody looked at again, once; earlier and later times count.
func TestTellsByAnotherPolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newReached()
		x.delay = time.Hour
		defer x.run(t)()
		for i := range 3 {
			x.set(fmt.Sprint("u", i), time.Duration(i)*time.Minute)
		}
		x.mu.Lock()
		scans := x.scans
		x.delay = time.Minute
		x.mu.Unlock()
		x.queue.Renew()
		synctest.Wait()
		if x.scans != scans+1 {
			t.Errorf("%d scans, want one", x.scans-scans)
		}
		time.Sleep(90 * time.Second)
		wantTold(t, x, "u0 1m0s")
		x.mu.Lock()
		x.delay = 2 * time.Hour
		x.mu.Unlock()
		x.queue.Renew()
		time.Sleep(3 * time.Hour)
		wantTold(t, x, "u1 2h1m0s", "u2 2h2m0s")
	})
}

// A former owner of the partition tells nobody.
func TestTellOfAnotherOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newReached()
		release := x.run(t)
		x.set("kim", time.Minute)
		release()
		time.Sleep(time.Hour)
		wantTold(t, x)
		defer x.run(t)()
		time.Sleep(time.Millisecond)
		wantTold(t, x, "kim 1h0m0s")
	})
}
