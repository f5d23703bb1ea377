package stream

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/servertest"
)

// post appends a record of the board, whose changes are told.
func post(t *testing.T, f *servertest.Tables, r inbox.Record) {
	t.Helper()
	write(t, f, belfry.PartitionKey(0), r)
}

func write(t *testing.T, f *servertest.Tables, key string, r inbox.Record) {
	t.Helper()
	if _, err := f.Append(context.Background(), inbox.Addressed{Recipients: []string{key}, Record: r}); err != nil {
		t.Fatal(err)
	}
}

func back(audience, id string) inbox.Record {
	return inbox.Record{Kind: inbox.KindRetract, Retraction: belfry.Retraction{Audience: audience, ID: id}}
}

// TestNoticeReachesStreams has streams of a user with a row and of one without show what
// comes to the board and goes from it, from the board's first record on and from cursors.
func TestNoticeReachesStreams(t *testing.T) {
	for _, own := range []bool{true, false} {
		t.Run(fmt.Sprintf("row %t", own), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := servertest.NewTables()
				f.OpenBoards(1, 100)
				first := []string{"retry", `unread "version":0 "unread":0 id=0.0`}
				if own {
					servertest.Append(t, f, servertest.Note("mine"))
					first[1] = `unread "version":1 "unread":1 id=7.1`
				} else {
					f.Offset++
				}
				s := newTestHub(f)
				l := listen(t, s, nil, time.Time{})
				l.Want(first...)
				post(t, f, servertest.Notice("all", "two"))
				l.Want(`item "seq":2 "title":"two" "audience":"all"`, `unread "version":2 id=7.2`)
				post(t, f, servertest.Notice("all", "three"))
				l.Want(`item "seq":3`, `unread "version":3 id=7.3`)
				post(t, f, back("all", "two"))
				l.Want(`state "version":4 "removed":[2]`, `unread "version":4 id=7.4`)
				again := listen(t, s, withQuery("7.2"), time.Time{})
				again.Want("retry", `item "seq":3`, `state "version":4 "removed":[2]`, `unread "version":4 id=7.4`)
			})
		})
	}
}

// TestNoticeWhoseContentIsLate is shown without it, and with it once it is there.
func TestNoticeWhoseContentIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := servertest.NewTables()
		f.OpenBoards(1, 100)
		s := newTestHub(f)
		l := listen(t, s, nil, time.Time{})
		l.Want("retry", "unread id=0.0")
		f.HoldItems = true
		post(t, f, servertest.Notice("all", "one"))
		time.Sleep(3 * time.Second)
		l.Want(`item "seq":1 "pending":true`, `unread "version":1 id=0.0`)
		f.Release()
		l.Want(`item "seq":1 "title":"one"`, `unread "version":1 id=7.1`)
		if s.mu.Lock(); len(s.notices.awaited) != 0 {
			t.Errorf("%d users are waited for", len(s.notices.awaited))
		}
		s.mu.Unlock()
	})
}

// TestWakesArePaced has a notice reach all streams at the pace that is set, whatever the
// number of changes meanwhile.
func TestWakesArePaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const users, rate = 2000, 1000
		f := servertest.NewTables()
		f.OpenBoards(1, 100)
		s := New(Config{Rows: f, Items: f, Logger: slog.New(slog.DiscardHandler), Wakes: rate})
		var took []time.Duration
		start := time.Now()
		for i := range users {
			attach(s, fmt.Sprint("user-", i), sink{took: func([]byte) {
				s.mu.Lock()
				defer s.mu.Unlock()
				took = append(took, time.Since(start))
			}})
		}
		synctest.Wait()
		took = nil
		for range 2 {
			start = time.Now()
			post(t, f, servertest.Notice("all", fmt.Sprint(f.Offset)))
			time.Sleep(50 * time.Second)
			s.mu.Lock()
			slices.Sort(took)
			// Pings come later.
			shown, _ := slices.BinarySearch(took, 5*time.Second)
			if shown != users || took[users/2-1] < 900*time.Millisecond || took[users/2-1] > 1100*time.Millisecond || took[users-1] > 2100*time.Millisecond {
				t.Errorf("%d of %d in five seconds, half of them after %v, all after %v", shown, users, took[users/2-1], took[users-1])
			}
			took = nil
			s.mu.Unlock()
		}
	})
}

// TestNoticesAreSpread has a notice reach many streams over the time that it may take, and
// few at once, where the pace that is set would let it be faster.
func TestNoticesAreSpread(t *testing.T) {
	for _, of := range []struct {
		users, wakes int
		half, all    time.Duration
	}{
		{9000, DefaultWakes, spread / 2, spread},
		{1000, DefaultWakes, 100 * time.Millisecond, 200 * time.Millisecond},
		{9000, 3000, 1500 * time.Millisecond, 3 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := servertest.NewTables()
			f.OpenBoards(1, 100)
			s := New(Config{Rows: f, Items: f, Logger: slog.New(slog.DiscardHandler), Wakes: of.wakes, Limits: Limits{Total: -1}})
			var took []time.Duration
			start := time.Now()
			for i := range of.users {
				attach(s, fmt.Sprint("user-", i), sink{took: func([]byte) {
					s.mu.Lock()
					defer s.mu.Unlock()
					took = append(took, time.Since(start))
				}})
			}
			synctest.Wait()
			start, took = time.Now(), nil
			post(t, f, servertest.Notice("all", "notice"))
			time.Sleep(5 * time.Second)
			s.mu.Lock()
			defer s.mu.Unlock()
			if len(took) != of.users {
				t.Fatalf("%d of %d users were told", len(took), of.users)
			}
			half, all := took[of.users/2], took[of.users-1]
			if half < of.half*9/10 || half > of.half*11/10 || all < of.all*9/10 || all > of.all*11/10 {
				t.Errorf("of %d users at no more than %d a second half are told after %v, all after %v; want %v and %v", of.users, of.wakes, half, all, of.half, of.all)
			}
		})
	}
}

// A change that all streams come to at one time, the end of a notice or a content for
// which they wait, reaches them at the pace of changes. Whoever has something of his own meanwhile
// goes by that.
func TestEndsAndContentsArePaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const users, rate = 2000, 1000
		f := servertest.NewTables()
		f.OpenBoards(1, 100)
		s := New(Config{Rows: f, Items: f, Logger: slog.New(slog.DiscardHandler), Wakes: rate})
		began, start := time.Now(), time.Now()
		took := make([][]time.Duration, users)
		for i := range users {
			attach(s, fmt.Sprint("user-", i), sink{took: func([]byte) {
				s.mu.Lock()
				defer s.mu.Unlock()
				took[i] = append(took[i], time.Since(start))
			}})
		}
		// follow begins what all are to be told once, and has something come for the last
		// two who have not been.
		follow := func(what string, begin func()) {
			t.Helper()
			s.mu.Lock()
			start = time.Now()
			clear(took)
			s.mu.Unlock()
			begin()
			time.Sleep(500 * time.Millisecond)
			var late []int
			s.mu.Lock()
			for i := range took {
				if len(took[i]) == 0 && len(late) < 2 {
					late = append(late, i)
				}
			}
			s.mu.Unlock()
			for _, i := range late {
				write(t, f, fmt.Sprint("user-", i), servertest.Note("mine"))
			}
			time.Sleep(4 * time.Second)
			s.mu.Lock()
			defer s.mu.Unlock()
			var all []time.Duration
			for i := range took {
				if len(took[i]) != 1 || slices.Contains(late, i) && took[i][0] != 500*time.Millisecond {
					t.Fatalf("%s: number %d, of whom %d were in a hurry, has frames after %v", what, i, late, took[i])
				}
				all = append(all, took[i][0])
			}
			if slices.Sort(all); all[users/2] < 900*time.Millisecond || all[users/2] > 1100*time.Millisecond || all[users-1] > 2100*time.Millisecond {
				t.Errorf("%s: half of them after %v, all after %v", what, all[users/2], all[users-1])
			}
			if len(s.notices.pacing) > 0 || len(s.notices.awaited) > 0 {
				t.Errorf("%s: %d and %d are still waited for", what, len(s.notices.pacing), len(s.notices.awaited))
			}
		}
		brief := servertest.Notice("all", "brief")
		brief.Notification.ExpiresAt = began.Add(30 * time.Second)
		post(t, f, brief)
		time.Sleep(time.Until(brief.Notification.ExpiresAt) - time.Nanosecond)
		follow("the end", func() {})

		// Pings come 20 s after the beginning, and again.
		time.Sleep(time.Until(began.Add(45 * time.Second)))
		f.HoldItems = true
		post(t, f, servertest.Notice("all", "late"))
		time.Sleep(5 * time.Second)
		follow("the content", f.Release)
	})
}

// A content that comes during a round of a user who lacks one has that user served again,
// and once: a user who stood in a lane twice took those behind out of it for good.
func TestContentDuringARoundOfItsUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &held{Tables: servertest.NewTables(), next: make(chan struct{})}
		f.OpenBoards(1, 100)
		s := New(Config{Rows: f, Items: f, Logger: slog.New(slog.DiscardHandler)})
		s.workersMax = 1
		for i := range 3 {
			attach(s, fmt.Sprint("user-", i), sink{})
		}
		synctest.Wait()
		f.holds, f.order = true, nil
		f.HoldItems = true
		post(t, f.Tables, servertest.Notice("all", "late"))
		servertest.After(wakeBehind) // all are woken, and the first is being served
		s.noticeCame(0)
		s.mu.Lock()
		s.ready.inARow[1] = laneShare // the next is one whom the notice has woken
		s.mu.Unlock()
		f.mu.Lock()
		first := f.order[0]
		f.mu.Unlock()
		second := f.served(1)[0]
		servertest.After(2 * wakeBehind) // a round so long is followed by a rest as long
		third := 0
		for fmt.Sprint("user-", third) == first || fmt.Sprint("user-", third) == second {
			third++
		}
		f.arrive(third, belfry.PriorityLow)
		if got, want := f.served(2), []string{first, fmt.Sprint("user-", third)}; !slices.Equal(got, want) {
			t.Errorf("after %s served %v, want %v", second, got, want)
		}
		f.release()
		s.mu.Lock()
		defer s.mu.Unlock()
		if l := &s.ready; l.urgent.length+l.rest.length+l.notices.length != 0 {
			t.Errorf("lanes %+v, want them empty", l)
		}
	})
}

// A change for everybody holds up nobody of whom something else has changed, and has its
// share if there is much of that.
func TestNoticesAreServedBehindTheRest(t *testing.T) {
	t.Parallel()
	var l lanes
	add := func(n int, noticed bool, urgent uint64) (all []*subscribers) {
		for range n {
			a := &subscribers{noticed: noticed, urgent: urgent}
			all = append(all, a)
			l.push(a)
		}
		return all
	}
	notices := add(4, true, 0)
	rest := add(2*laneShare, false, 0)
	urgent := add(1, false, 1)
	notices[3].noticed = false // something else has changed
	l.hurry(notices[3])
	rest = append(rest, notices[3])
	want := slices.Concat(urgent, rest[:laneShare], notices[:1], rest[laneShare:2*laneShare], notices[1:2], rest[2*laneShare:], notices[2:3], []*subscribers{nil})
	for i, w := range want {
		if got := l.pop(); got != w {
			t.Fatalf("number %d is another one", i)
		}
	}
}
