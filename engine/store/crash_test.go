package store

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// An offset never claims rows that are not there, whatever is on disk when the process
// is killed or the power fails.
func TestStoreAfterACrash(t *testing.T) {
	t.Parallel()
	for name, kept := range map[string]int{"killed": 100, "power": 0, "power, some kept": 50} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			random := rand.New(rand.NewPCG(seed, 0))
			files := vfs.NewCrashableMem()
			dir := t.TempDir()
			s, err := newStore(t, files, dir)
			if err != nil {
				t.Fatal(err)
			}
			partitions := []int32{0, 1, 2}
			var written [3]atomic.Int64
			var wait sync.WaitGroup
			for _, p := range partitions {
				opened := openPartition(t, s, p)
				wait.Go(func() {
					for i := range 60_000 {
						written[p].Store(int64(i + 1))
						if err := errors.Join(apply(opened, i), opened.SetOffset(int64(i))); err != nil {
							t.Error(err)
							return
						}
						if i%(3001+int(p)) == 0 {
							if err := s.flush(0); err != nil {
								t.Error(err)
								return
							}
						}
					}
				})
			}
			stopped := make(chan struct{})
			go func() { wait.Wait(); close(stopped) }()
			best := 0
			for running := true; running; {
				select {
				case <-stopped:
					running = false
				default:
				}
				clone := files.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: kept, RNG: random})
				again, err := newStore(t, clone, dir)
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range partitions {
					end := int(written[p].Load())
					offset, wrong, err := verifyRows(openPartition(t, again, p), end)
					if err != nil || wrong != "" {
						t.Fatalf("seed %d: partition %d: %s, %v", seed, p, wrong, err)
					}
					best = max(best, offset)
				}
				if err := again.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if best == 0 {
				t.Error("nothing was ever on disk")
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
