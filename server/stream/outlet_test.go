package stream

import (
	"context"
	"errors"
	"net"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// budget is a [Hold] of so many bytes.
type budget struct{ left, held atomic.Int64 }

func (b *budget) Grow(n int64) error {
	if b.left.Add(-n) < 0 {
		b.left.Add(n)
		return errors.New("there is no room")
	}
	b.held.Add(n)
	return nil
}

func (b *budget) Release() { b.left.Add(b.held.Swap(0)) }

// TestUnwrittenBytesAreHeld holds that an outlet which waits for its client has what it was
// given in its hold until that is written, takes nothing where there is no room for it, and
// always what is small.
func TestUnwrittenBytesAreHeld(t *testing.T) {
	large, small := make([]byte, 100<<10), make([]byte, freeBytes)
	for name, open := range map[string]func(t *testing.T, r room, wrote func(error)) (o outlet, write func()){
		"of a request": func(t *testing.T, r room, wrote func(error)) (outlet, func()) {
			o := newResponse(httptest.NewRecorder(), writeTimeout, wrote)
			o.room = r
			return o, func() {
				go o.run(t.Context(), func() {})
				synctest.Wait()
				o.close()
			}
		},
		"with TLS": func(t *testing.T, r room, wrote func(error)) (outlet, func()) {
			ours, theirs := net.Pipe()
			var helpers sync.WaitGroup
			return &taken{conn: ours, timeout: writeTimeout, helpers: &helpers, room: r, wrote: wrote}, func() {
				go func() {
					b := make([]byte, 64<<10)
					for {
						if _, err := theirs.Read(b); err != nil {
							return
						}
					}
				}()
				helpers.Wait()
				_ = ours.Close()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hold := &budget{}
				written := 0
				o, write := open(t, room{hold}, func(err error) {
					if written++; err != nil {
						t.Error(err)
					}
				})
				if n, later, err := o.put(large); n != 0 || later || err != nil {
					t.Errorf("without room %d bytes were taken, %v, %v", n, later, err)
				}
				hold.left.Store(150 << 10)
				if n, later, err := o.put(large); n != len(large) || !later || err != nil {
					t.Errorf("%d bytes were taken, %v, %v, want all, later", n, later, err)
				}
				if n := hold.held.Load(); n != int64(len(large)) {
					t.Errorf("%d bytes are held, want %d", n, len(large))
				}
				write()
				synctest.Wait()
				if n := hold.held.Load(); n != 0 || written != 1 {
					t.Errorf("%d bytes are held once %d were written", n, written)
				}
			})
			synctest.Test(t, func(t *testing.T) {
				o, write := open(t, room{&budget{}}, func(error) {})
				if n, later, _ := o.put(small); n != len(small) || !later {
					t.Errorf("of what is small %d bytes were taken without room", n)
				}
				write()
			})
		})
	}
}

// TestWhatAnOutletNeverWritesIsNotHeld ends an outlet that was given something.
func TestWhatAnOutletNeverWritesIsNotHeld(t *testing.T) {
	hold := &budget{}
	hold.left.Store(1 << 20)
	o := newResponse(httptest.NewRecorder(), writeTimeout, func(error) {})
	o.room = room{hold}
	if n, _, _ := o.put(make([]byte, 100<<10)); n == 0 {
		t.Fatal("nothing was taken")
	}
	o.close()
	o.run(context.Background(), func() {})
	if n := hold.held.Load(); n != 0 {
		t.Errorf("%d bytes are held for good", n)
	}
}
