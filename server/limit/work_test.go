package limit

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"

	"github.com/belfry/belfry/internal/cpus"
)

var here = netip.MustParseAddr("192.0.2.1")

// TestWorkTakesTurns has one client ask for more than he gets at a time: others of his
// address come next, those elsewhere do not wait, and nothing is left of those who have gone.
func TestWorkTakesTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewWork()
		enter := func(client string, address netip.Addr) func() {
			leave, err := b.Enter(t.Context(), client, address)
			if err != nil {
				t.Error(err)
				return func() {}
			}
			return leave
		}
		var held []func()
		for range b.clients.each {
			held = append(held, enter("greedy", here))
		}
		ctx, cancel := context.WithCancel(t.Context())
		refused := make(chan error, 100)
		for range cap(refused) {
			go func() {
				if leave, err := b.Enter(ctx, "greedy", here); err != nil {
					refused <- err
				} else {
					<-ctx.Done()
					leave()
				}
			}()
		}
		synctest.Wait()
		if len(refused) > 0 {
			t.Errorf("%d calls beyond the client's turns did not wait", len(refused))
		}
		enter("other", netip.MustParseAddr("192.0.2.2"))() // waits for nobody
		var entered bool
		go func() {
			defer enter("neighbour", here)()
			entered = true
		}()
		synctest.Wait()
		held[0]()
		held = held[1:]
		synctest.Wait()
		if !entered {
			t.Error("one of the same address waits for more than one call")
		}
		cancel()
		for range cap(refused) - 1 { // one had the turn that was left
			if err := <-refused; !errors.Is(err, ErrWork) {
				t.Errorf("got %v, want %v", err, ErrWork)
			}
		}
		for _, leave := range held {
			leave()
		}
		synctest.Wait()
		if len(b.clients.all) != 0 || len(b.addresses.all) != 0 {
			t.Errorf("%d clients and %d addresses are still known", len(b.clients.all), len(b.addresses.all))
		}
	})
}

// TestWorkOfOneAddressTakesTurns has many clients of one address ask for work: one of
// another address waits behind none of them.
func TestWorkOfOneAddressTakesTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewWork()
		ctx, cancel := context.WithCancel(t.Context())
		entered, over := make(chan func(), 100), make(chan struct{}, 100)
		for i := range cap(entered) {
			go func() {
				if leave, err := b.Enter(ctx, fmt.Sprint(i), here); err == nil {
					entered <- leave
				}
				over <- struct{}{}
			}()
		}
		synctest.Wait()
		if len(entered) == 0 || int64(len(entered)) != b.addresses.each {
			t.Errorf("%d clients of one address are at it, want %d", len(entered), b.addresses.each)
		}
		leave, err := b.Enter(t.Context(), "elsewhere", netip.MustParseAddr("192.0.2.2"))
		if err != nil {
			t.Fatal(err)
		}
		leave()
		// Those whose address tells nothing have no bound of it together.
		var nobodys []func()
		for i := range max(4, 2*int64(cpus.Count())) - b.addresses.each {
			leave, err := b.Enter(t.Context(), fmt.Sprint("nobody's ", i), netip.Addr{})
			if err != nil {
				t.Fatal(err)
			}
			nobodys = append(nobodys, leave)
		}
		if b.all.TryAcquire(1) {
			t.Error("there are turns left")
		}
		for _, leave := range nobodys {
			leave()
		}
		cancel()
		for range cap(over) {
			<-over
		}
		close(entered)
		for leave := range entered {
			leave()
		}
		if len(b.clients.all) != 0 || len(b.addresses.all) != 0 {
			t.Errorf("%d clients and %d addresses are still known", len(b.clients.all), len(b.addresses.all))
		}
	})
}

// TestWorkInAll holds that clients together get no more than there is.
func TestWorkInAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewWork()
		var leave []func()
		entered := make(chan func(), 100)
		for i := range cap(entered) {
			go func() {
				if l, err := b.Enter(t.Context(), fmt.Sprint(i), netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})); err == nil {
					entered <- l
				}
			}()
		}
		for len(leave) < cap(entered) {
			synctest.Wait()
			if len(entered) == 0 || len(entered) > 64 {
				t.Fatalf("%d are at it at once", len(entered))
			}
			for range len(entered) {
				l := <-entered
				leave = append(leave, l)
				l()
			}
		}
	})
}
