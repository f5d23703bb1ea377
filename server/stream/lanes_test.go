package stream

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/server/wire"
)

// sink is an outlet that takes all and says when.
type sink struct{ took func(b []byte) }

func (o sink) put(b []byte) (int, bool, error) {
	if o.took != nil {
		o.took(b)
	}
	return len(b), false, nil
}

func (sink) gone() bool { return false }
func (sink) close()     {}

// attach opens a stream of user that is written to out.
func attach(s *Hub, user string, out outlet) *connection {
	c := s.newConnection(httptest.NewRequest(http.MethodGet, "/", nil), netip.Addr{}, wire.Lease{})
	s.enter(c, user)
	s.begin(c, out)
	return c
}

// held is tables whose rows are read one at a time, each when it is let through.
type held struct {
	*servertest.Tables
	mu    sync.Mutex
	holds bool
	order []string // who was read, in that order
	next  chan struct{}
}

func (h *held) RowInto(memory *inbox.State, user string) (inbox.State, error) {
	h.mu.Lock()
	h.order = append(h.order, user)
	holds := h.holds
	h.mu.Unlock()
	if holds {
		<-h.next
	}
	return h.Tables.RowInto(memory, user)
}

// flood opens streams of that many users, occupies the only worker with the first of
// them and has a change wait for each of the others.
func flood(users int) (*Hub, *held) {
	f := &held{Tables: servertest.NewTables(), next: make(chan struct{})}
	s := New(Config{Rows: f, Items: f, Logger: slog.New(slog.DiscardHandler)})
	s.workersMax = 1
	for i := range users {
		attach(s, fmt.Sprint("user-", i), sink{})
	}
	synctest.Wait()
	f.holds, f.order = true, nil
	for i := range users {
		f.arrive(i, belfry.PriorityLow)
	}
	synctest.Wait()
	return s, f
}

func (h *held) arrive(user int, p belfry.Priority) {
	r := servertest.Pressing(fmt.Sprint(h.Offset), p)
	if _, err := h.Append(context.Background(), inbox.Addressed{Recipients: []string{fmt.Sprint("user-", user)}, Record: r}); err != nil {
		panic(err) // the tables are in memory
	}
}

// served lets n rounds through and returns whose the next ones were.
func (h *held) served(n int) []string {
	h.mu.Lock()
	from := len(h.order)
	h.mu.Unlock()
	for range n {
		h.next <- struct{}{}
		synctest.Wait()
	}
	return slices.Clone(h.order[from:])
}

// release lets all rounds through from now on.
func (h *held) release() {
	h.mu.Lock()
	h.holds = false
	h.mu.Unlock()
	close(h.next)
	synctest.Wait()
}

// An urgent item does not wait for the changes of all the others.
func TestUrgentIsServedBeforeAFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, f := flood(100)
		f.arrive(90, belfry.PriorityUrgent)
		f.arrive(80, belfry.PriorityHigh)
		if got, want := f.served(3), []string{"user-90", "user-1", "user-2"}; !slices.Equal(got, want) {
			t.Errorf("served %v, want %v", got, want)
		}
		// It was shown: what comes next is a change as any other.
		f.arrive(90, belfry.PriorityLow)
		if got, want := f.served(2), []string{"user-3", "user-4"}; !slices.Equal(got, want) {
			t.Errorf("then served %v, want %v", got, want)
		}
		f.release()
	})
}

// A row and its contents come from two topics, in either order.
func TestUrgentWhoseRowComesLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, f := flood(100)
		f.HoldRows = true
		f.arrive(90, belfry.PriorityUrgent)
		if got, want := f.served(2), []string{"user-90", "user-1"}; !slices.Equal(got, want) {
			t.Errorf("served %v, want %v", got, want)
		}
		f.Mu.Lock()
		f.HoldRows = false
		f.Tables.Rows["user-90"] = f.States["user-90"]
		f.Wake("user-90")
		f.Mu.Unlock()
		if got, want := f.served(2), []string{"user-90", "user-2"}; !slices.Equal(got, want) {
			t.Errorf("once the row is there served %v, want %v", got, want)
		}
		f.release()
	})
}

// An urgent item that arrives while its user is served goes ahead in the next round.
func TestUrgentDuringARoundOfItsUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, f := flood(100) // user-0 is being served
		f.arrive(0, belfry.PriorityUrgent)
		if got, want := f.served(2), []string{"user-0", "user-1"}; !slices.Equal(got, want) {
			t.Errorf("served %v, want %v", got, want)
		}
		f.release()
	})
}

// A flood of urgent items leaves the others their share.
func TestAFloodOfUrgentLeavesTheOthersAShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, f := flood(100)
		for i := 50; i < 100; i++ {
			f.arrive(i, belfry.PriorityUrgent)
		}
		got := f.served(3 * (laneShare + 1))
		var others []string
		for i, user := range got {
			if (i+1)%(laneShare+1) == 0 {
				others = append(others, user)
			}
		}
		if want := []string{"user-1", "user-2", "user-3"}; !slices.Equal(others, want) {
			t.Errorf("every 16th is %v, want %v, of %v", others, want, got)
		}
		f.release()
	})
}
