package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// One writer and many readers of each partition, while all is flushed.
func TestStoreConcurrently(t *testing.T) {
	t.Parallel()
	s, err := newStore(t, vfs.Default, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	writes := 20_000
	if testing.Short() {
		writes = 4_000
	}
	var wait, writers sync.WaitGroup
	done := make(chan struct{})
	padding := bytes.Repeat([]byte("x"), 2000)
	for number := range int32(3) {
		p := openPartition(t, s, number)
		writers.Go(func() {
			for i := range writes {
				value := binary.BigEndian.AppendUint64(nil, uint64(i))
				if err := errors.Join(p.Set(fmt.Sprint(i%100), append(value, padding[:i%2000]...)), p.SetOffset(int64(i))); err != nil {
					t.Error(err)
					return
				}
			}
		})
		for range 2 {
			wait.Go(func() {
				var last [100]uint64
				for i := 0; ; i++ {
					select {
					case <-done:
						return
					default:
					}
					value, err := p.Get(fmt.Sprint(i % 100))
					if err != nil {
						t.Error(err)
						return
					}
					if value == nil {
						continue
					}
					n := binary.BigEndian.Uint64(value)
					if n < last[i%100] || len(value) != 8+int(n%2000) {
						t.Errorf("row %d is %d after %d, with %d bytes", i%100, n, last[i%100], len(value))
						return
					}
					last[i%100] = n
				}
			})
		}
		wait.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				iter, err := p.Iterator()
				if err != nil {
					t.Error(err)
					return
				}
				for iter.Next() {
				}
				if err := iter.Err(); err != nil {
					t.Error(err)
				}
				iter.Release()
			}
		})
	}
	writers.Wait()
	close(done)
	wait.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
