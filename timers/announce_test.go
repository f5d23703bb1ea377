package timers

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// announce has users be due some time, of which their rows know nothing.
func (x *reached) announce(due time.Duration, users ...string) {
	x.mu.Lock()
	for _, user := range users {
		x.due[user] = due
	}
	x.mu.Unlock()
	x.queue.Announce(3)
}

// sofar is what was told, and how often users were looked up.
func (x *reached) sofar() (told []string, looks int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.told), x.looks
}

// fail has rows not be looked up.
func (x *reached) fail(err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.err = err
}

// An announcement is told to those who can be reached, each once, and takes nothing from
// what they are told of besides.
func TestAnnouncementIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newReached()
		defer x.run(t)()
		x.set("kim", time.Minute)
		x.set("lee", time.Second)
		x.announce(time.Minute, "kim", "han")
		time.Sleep(time.Hour)
		wantTold(t, x, "lee 1s", "han 1m0s", "kim 1m0s")
		x.announce(2*time.Hour, "kim")
		x.queue.Announce(3)
		x.queue.Announce(2) // nobody holds that
		synctest.Wait()
		time.Sleep(2 * time.Hour)
		wantTold(t, x, "kim 2h0m0s")
	})
}

// A user who is folded while others are looked at has what the fold says, and a session that ends
// leaves nobody to be looked at.
func TestAnnouncementIsPacedBehindRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newReached()
		x.queue = New(Config{Journal: x, Wakes: 100, Rate: 1_000_000, Logger: slog.New(slog.DiscardHandler)})
		release := x.run(t)
		var users []string
		for i := range 2500 {
			users = append(users, fmt.Sprintf("u%04d", i))
		}
		x.announce(0, users...)
		time.Sleep(time.Second)
		if told, _ := x.sofar(); len(told) != chunk {
			t.Errorf("%d are told at once, want %d", len(told), chunk)
		}
		time.Sleep(10 * time.Second)
		if told, _ := x.sofar(); len(told) != 2*chunk {
			t.Errorf("%d are told after 11 s, want %d", len(told), 2*chunk)
		}
		release()
		time.Sleep(time.Hour)
		if told, _ := x.sofar(); len(told) != 2*chunk {
			t.Errorf("%d are told after the session, want %d", len(told), 2*chunk)
		}
	})
}

// Rows that cannot be looked up are looked up again.
func TestAnnouncementIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newReached()
		defer x.run(t)()
		x.fail(errors.New("the store is busy"))
		x.announce(0, "kim")
		time.Sleep(5 * time.Second)
		x.fail(nil)
		time.Sleep(time.Minute)
		if told, looks := x.sofar(); len(told) != 1 || looks < 4 || !slices.Contains([]string{"kim 5s", "kim 6s"}, told[0]) {
			t.Errorf("told %q after %d looks", told, looks)
		}
	})
}
