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
	"unsafe"

	"github.com/belfry/belfry/inbox"
)

// table is the rows of a partition and its journal: a touch settles a row at once if
// its time has come, unless it is stuck.
type table struct {
	mu      sync.Mutex
	dues    map[string]int64
	touched []string // who and when, since the begin
	began   time.Time
	stuck   bool
	err     error
	behind  int64
	scans   int
	nobody  int    // touches for nobody
	fails   int    // so many scans fail first
	lost    string // a user whose row cannot be read
	scanned func() // called while an index is read
	// ahead is by how much this process's clock is ahead of the brokers', appended when
	// the last touch was.
	ahead    time.Duration
	appended time.Time
	queue    *Queue
}

func newTable() *table { return &table{dues: map[string]int64{}, began: time.Now()} }

func (x *table) Due(user string) (int64, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if user == x.lost {
		return 0, errors.New("the row cannot be read")
	}
	return x.dues[user], nil
}

func (x *table) EachDue(_ context.Context, visit func(string, int64, Next) error) error {
	x.mu.Lock()
	x.scans++
	failed, scanned := x.scans <= x.fails, x.scanned
	dues := maps.Clone(x.dues)
	x.mu.Unlock()
	if scanned != nil {
		scanned()
	}
	if failed {
		return errors.New("the index cannot be read")
	}
	for _, user := range slices.Sorted(maps.Keys(dues)) {
		if err := visit(user, dues[user], Next{}); err != nil {
			return err
		}
	}
	return nil
}

func (x *table) Tells(string, time.Time) (Told, error) { return Told{}, nil }

func (x *table) Reached(context.Context, string, int) ([]string, error) { return nil, nil }

func (x *table) Next(string, time.Time) (Next, error) { return Next{}, nil }

func (x *table) Behind() int64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.behind
}

func (x *table) Append(_ context.Context, records ...inbox.Addressed) ([]inbox.Position, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.err != nil {
		return nil, x.err
	}
	for _, r := range records {
		if r.Record.Kind != inbox.KindTouch {
			return nil, fmt.Errorf("appended %v", r.Record.Kind)
		}
		if len(r.Recipients) == 0 {
			x.nobody++
		}
		for _, user := range r.Recipients {
			x.touched = append(x.touched, fmt.Sprint(user, " ", time.Since(x.began)))
			x.appended = time.Now()
			if !x.stuck && x.dues[user] <= time.Now().Add(-x.ahead).UnixMilli() {
				x.dues[user] = 0
			}
		}
	}
	return nil, nil
}

// set changes a row as its owner does.
func (x *table) set(user string, in time.Duration) {
	x.mu.Lock()
	was, due := x.dues[user], int64(0)
	if in != 0 {
		due = x.began.Add(in).UnixMilli()
	}
	x.dues[user] = due
	x.mu.Unlock()
	x.queue.Set(3, user, was, due)
}

func (x *table) said() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.touched)
}

// hold runs the queue of a table until the test ends, or the returned function is called.
func hold(t *testing.T, x *table, rate int) (release func()) {
	x.queue = New(Config{Journal: x, Rate: rate, Logger: slog.New(slog.DiscardHandler)})
	return again(t, x)
}

func again(t *testing.T, x *table) (release func()) {
	ctx, cancel := context.WithCancel(t.Context())
	run := x.queue.Hold(3, x)
	var running sync.WaitGroup
	running.Go(func() { run(ctx) })
	release = func() {
		cancel()
		running.Wait()
	}
	return release
}

func wantTouched(t *testing.T, x *table, want ...string) {
	t.Helper()
	x.mu.Lock()
	defer x.mu.Unlock()
	if !slices.Equal(x.touched, want) || x.nobody > 0 {
		t.Errorf("got touches %q and %d for nobody, want %q", x.touched, x.nobody, want)
	}
}

func TestTimerTouchesAtItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTable()
		x.dues["kim"] = x.began.Add(5 * time.Second).UnixMilli() // from the session before
		defer hold(t, x, 0)()
		synctest.Wait()
		x.set("lee", 3*time.Second)
		x.set("han", time.Hour)
		x.set("han", 4*time.Second) // earlier than it was
		x.set("park", 2*time.Second)
		x.set("park", 0) // read before
		time.Sleep(2 * time.Hour)
		wantTouched(t, x, "lee 3s", "han 4s", "kim 5s")
		s := x.queue.Stats()
		if s != (Stats{Fired: 3}) || x.scans != 1 {
			t.Errorf("got %+v after %d scans", s, x.scans)
		}
	})
}

// A row that comes to be due at a time again has two timers, and one touch.
func TestTimerTouchesAUserOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTable()
		defer hold(t, x, 0)()
		synctest.Wait()
		x.set("kim", 3*time.Second)
		x.set("kim", 5*time.Second)
		x.set("kim", 3*time.Second)
		time.Sleep(time.Minute)
		wantTouched(t, x, "kim 3s")
	})
}

// A timer that is armed while the index is read stays armed, and an index that cannot be
// read is read again.
func TestTimerArmedWhileTheIndexIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTable()
		x.fails = 2
		x.dues["kim"] = x.began.Add(2 * time.Second).UnixMilli()
		set := map[int]func(){1: func() { x.set("lee", 4*time.Second) }, 3: func() { x.set("han", 5*time.Second) }}
		x.scanned = func() {
			if f := set[x.scans]; f != nil {
				f()
			}
		}
		defer hold(t, x, 0)()
		time.Sleep(time.Minute)
		wantTouched(t, x, "kim 3s", "lee 4s", "han 5s") // read at 0, 1 and 3 s
	})
}

// A row that cannot be read may be due: a touch tells.
func TestTimerOfARowThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTable()
		x.lost = "kim"
		defer hold(t, x, 0)()
		x.set("kim", time.Second)
		time.Sleep(1500 * time.Millisecond)
		wantTouched(t, x, "kim 1s")
	})
}

// The end of an ownership takes nothing from the one that took its place.
func TestTimerOfALaterOwnership(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTable()
		release := hold(t, x, 0)
		defer again(t, x)()
		release()
		x.set("kim", time.Second)
		time.Sleep(time.Minute)
		wantTouched(t, x, "kim 1s")
	})
}

// A row that a touch has not settled, since the broker's clock is behind say, is touched
// again, later each time.
func TestTimerTouchesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTable()
		x.stuck = true
		defer hold(t, x, 0)()
		x.set("kim", time.Second)
		time.Sleep(3 * time.Minute)
		wantTouched(t, x, "kim 1s", "kim 2s", "kim 4s", "kim 8s", "kim 16s", "kim 32s", "kim 1m4s", "kim 2m4s")
		if s := x.queue.Stats(); s != (Stats{Fired: 1, Again: 7, Late: 179 * time.Second}) {
			t.Errorf("got %+v", s)
		}
		x.mu.Lock()
		x.stuck = false
		x.mu.Unlock()
		time.Sleep(2 * time.Minute)
		if s := x.queue.Stats(); s != (Stats{Fired: 1, Again: 8}) {
			t.Errorf("once settled: got %+v", s)
		}
	})
}

// While nothing can be written nothing is lost.
func TestTimerOutlivesAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTable()
		x.err = errors.New("no brokers")
		defer hold(t, x, 0)()
		x.set("kim", time.Second)
		time.Sleep(time.Hour)
		// At 1, 2, 4, 8, 16, 32 and 64 s, then once a minute: 58 of them.
		if s := x.queue.Stats(); s != (Stats{Pending: 1, Failed: 65, Late: 3599 * time.Second}) {
			t.Errorf("got %+v", s)
		}
		x.set("lee", time.Hour+time.Second) // another one does not shorten the pause
		x.mu.Lock()
		x.err = nil
		x.mu.Unlock()
		time.Sleep(2 * time.Minute)
		wantTouched(t, x, "kim 1h0m4s", "lee 1h0m4s")
		x.set("han", time.Since(x.began)+time.Second)
		time.Sleep(2 * time.Second)
		if s := x.queue.Stats(); s != (Stats{Fired: 3, Failed: 65}) {
			t.Errorf("once it can be written: got %+v", s)
		}
	})
}

// A clock that is ahead of the brokers' would have each row touched before its time, in
// vain: a row is settled by their clock.
func TestTimersGoByTheBrokersClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTable()
		x.ahead = 5 * time.Minute
		x.queue = New(Config{Journal: x, Logger: slog.New(slog.DiscardHandler), Skew: func() (time.Duration, time.Time) {
			x.mu.Lock()
			defer x.mu.Unlock()
			if x.appended.IsZero() {
				return 0, time.Time{}
			}
			return x.ahead, x.appended
		}})
		defer again(t, x)()
		x.set("kim", time.Second) // the first one tells
		x.set("lee", 30*time.Second)
		time.Sleep(10 * time.Minute)
		// A look at the clocks does not hold for ever: Lee's first touch is early again.
		wantTouched(t, x, "kim 1s", "kim 5m1s", "lee 5m1s", "lee 5m30s")
		if s := x.queue.Stats(); s.Pending != 0 || s.Late != 0 {
			t.Errorf("got %+v", s)
		}
		x.mu.Lock()
		defer x.mu.Unlock()
		if x.dues["kim"] != 0 || x.dues["lee"] != 0 {
			t.Errorf("not settled: %v", x.dues)
		}
	})
}

// A clock that is behind the brokers' is gone by: who is due by theirs is touched late
// rather than by a time that this process does not have yet.
func TestTimersGoByAClockThatIsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTable()
		x.queue = New(Config{Journal: x, Logger: slog.New(slog.DiscardHandler), Skew: func() (time.Duration, time.Time) { return -time.Minute, time.Now() }})
		defer again(t, x)()
		x.set("kim", 10*time.Second)
		time.Sleep(time.Minute)
		wantTouched(t, x, "kim 10s")
	})
}

// Rows of another owner are not touched.
func TestTimerOfAnotherOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTable()
		release := hold(t, x, 0)
		x.set("kim", time.Minute)
		release()
		x.set("lee", time.Second)
		time.Sleep(2 * time.Minute)
		wantTouched(t, x)
		if s := x.queue.Stats(); s != (Stats{}) {
			t.Errorf("got %+v", s)
		}
		// It comes back: what is overdue is done at once.
		defer again(t, x)()
		time.Sleep(time.Millisecond)
		wantTouched(t, x, "kim 2m0s", "lee 2m0s")
	})
}

// Many that come due at once are touched at the rate, and behind what waits to be
// processed, but not for ever.
func TestTimersArePaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTable()
		defer hold(t, x, 1000)()
		for i := range 2000 {
			x.set(fmt.Sprintf("u%04d", i), time.Second)
		}
		time.Sleep(2*time.Second + time.Millisecond)
		if n := len(x.said()); n < 1000 || n > 1000+2*batch {
			t.Errorf("%d touches in a second, the rate is 1000", n)
		}
		time.Sleep(5 * time.Second)
		if n := len(x.said()); n != 2000 {
			t.Errorf("%d touches", n)
		}
		x.mu.Lock()
		x.behind = maxBehind + 1
		x.mu.Unlock()
		x.set("kim", time.Since(x.began)+time.Second)
		time.Sleep(patience)
		if n := len(x.said()); n != 2000 {
			t.Errorf("%d touches while the partition is behind", n)
		}
		time.Sleep(2 * time.Second)
		if n := len(x.said()); n != 2001 {
			t.Errorf("%d touches once it has waited", n)
		}
	})
}

// A user who snoozes an item again and again leaves no timers behind for ever.
func TestTimersOfThePastGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTable()
		defer hold(t, x, 0)()
		synctest.Wait()
		for i := range 50_000 {
			x.set("kim", time.Hour+time.Duration(i)*time.Second)
			if i%100 == 0 {
				synctest.Wait()
			}
		}
		synctest.Wait()
		if s := x.queue.Stats(); s.Pending > 3*slack || x.scans > 1+50_000/slack {
			t.Errorf("%d timers of one user, after %d scans", s.Pending, x.scans)
		}
		time.Sleep(30 * time.Hour)
		if got := x.said(); len(got) != 1 || got[0] != fmt.Sprint("kim ", time.Hour+49_999*time.Second) {
			t.Errorf("got touches %q", got)
		}
	})
}

// A million of them must fit.
func TestTimerSize(t *testing.T) {
	if size := unsafe.Sizeof(timer{}); size != 32 {
		t.Errorf("a timer takes %d bytes, want 32", size)
	}
}
