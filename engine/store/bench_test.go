package store

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lovoo/goka/storage"
)

const benchPartitions = 12

// workload is what a processor or view does with a store; b.N rows in all.
type workload struct {
	keys     int // of all partitions together; 0: each row is another
	min, max int // bytes of a row
	reads    bool
	recovers bool // the offset is set with each row, not by acknowledgements
}

// opener opens the stores of a table; end is called when all are closed.
type opener func(b *testing.B, dir string) (build storage.Builder, end func() error)

// BenchmarkStore compares the store with LevelDB as goka opens it. One
// candidate and workload a process, or the figures of memory are the sum:
//
//	go test ./engine -run '^$' -bench 'Store/fold/store' -benchtime 1000000x
func BenchmarkStore(b *testing.B) {
	workloads := map[string]workload{
		"fold":     {keys: 10_000, min: 900, max: 1000, reads: true},
		"small":    {keys: 200_000, min: 80, max: 150, reads: true},
		"recovery": {keys: 200_000, min: 80, max: 150, recovers: true},
		"items":    {min: 380, max: 420, recovers: true},
	}
	candidates := map[string]opener{
		"leveldb": func(_ *testing.B, dir string) (storage.Builder, func() error) {
			return storage.DefaultBuilder(dir), func() error { return nil }
		},
		"store": func(b *testing.B, dir string) (storage.Builder, func() error) {
			s, err := Open(dir, "t", [16]byte{1}, nil, slog.New(slog.DiscardHandler))
			if err != nil {
				b.Fatal(err)
			}
			return s.OpenPartition, s.Close
		},
	}
	for work, w := range workloads {
		for name, open := range candidates {
			b.Run(work+"/"+name, func(b *testing.B) {
				written, cpu := procField(b, "io", "write_bytes"), cpuSeconds(b)
				dir := b.TempDir()
				build, end := open(b, dir)
				w.Run(b, build)
				if err := end(); err != nil {
					b.Fatal(err)
				}
				n := float64(b.N)
				b.ReportMetric(float64(reopen(b, open, dir).Microseconds())/1e3, "reopen-ms")
				b.ReportMetric((cpuSeconds(b)-cpu)*1e6/n, "cpu-us/op")
				b.ReportMetric(float64(procField(b, "io", "write_bytes")-written)/n, "disk-B/op")
				b.ReportMetric(float64(procField(b, "status", "VmHWM"))/1024, "peak-MiB")
			})
		}
	}
}

func (w workload) Run(b *testing.B, build storage.Builder) {
	noise := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(noise)
	for i := 0; i < len(noise); i += 16 {
		copy(noise[i:i+8], "somewhat") // half of it can be compressed
	}
	type ack struct {
		s      storage.Storage
		offset int64
	}
	acks := make(chan ack, 4096)
	var acked, all sync.WaitGroup
	acked.Go(func() {
		for a := range acks {
			check(b, a.s.SetOffset(a.offset))
		}
	})
	opened := make([]storage.Storage, benchPartitions)
	for p := range opened {
		var err error
		opened[p], err = build("t", int32(p))
		check(b, err)
		check(b, opened[p].Open())
		if !w.recovers {
			check(b, opened[p].MarkRecovered())
		}
	}
	runtime.GC()
	b.ResetTimer()
	for p, s := range opened {
		all.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(p)))
			last := map[int]uint64{}
			row := make([]byte, w.max)
			for i := range b.N / benchPartitions {
				k := i * 7919 % (b.N/benchPartitions + 1)
				if w.keys > 0 {
					k = random.IntN(w.keys / benchPartitions)
				}
				key := fmt.Sprintf("user-%d-%07d", p, k)
				if w.reads {
					value, err := s.Get(key)
					check(b, err)
					if (value == nil) != (last[k] == 0) || value != nil && binary.BigEndian.Uint64(value) != last[k] {
						b.Errorf("wrong row of %s", key)
						return
					}
					last[k] = uint64(i + 1)
				}
				n := w.min + random.IntN(w.max-w.min)
				at := random.IntN(len(noise) - n)
				value := append(row[:0], noise[at:at+n]...)
				binary.BigEndian.PutUint64(value, uint64(i+1))
				check(b, s.Set(key, value))
				if w.recovers {
					check(b, s.SetOffset(int64(i)))
				} else {
					acks <- ack{s, int64(i)}
				}
			}
		})
	}
	all.Wait()
	close(acks)
	acked.Wait()
	for _, s := range opened {
		if w.recovers {
			check(b, s.MarkRecovered())
		}
		check(b, s.Close())
	}
	b.StopTimer()
}

// reopen gives the time until all partitions tell their offset.
func reopen(b *testing.B, open opener, dir string) time.Duration {
	began := time.Now()
	build, end := open(b, dir)
	var all []storage.Storage
	for p := range benchPartitions {
		s, err := build("t", int32(p))
		check(b, err)
		check(b, s.Open())
		_, err = s.GetOffset(-1)
		check(b, err)
		all = append(all, s)
	}
	took := time.Since(began)
	for _, s := range all {
		check(b, s.Close())
	}
	check(b, end())
	return took
}

func check(tb testing.TB, err error) {
	if err != nil {
		tb.Error(err)
	}
}

func cpuSeconds(b *testing.B) float64 {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return float64(use.Utime.Nano()+use.Stime.Nano()) / 1e9
}

// procField reads a number of this process, -1 where the system doesn't tell.
func procField(b *testing.B, file, field string) int {
	b.Helper()
	text, err := os.ReadFile("/proc/self/" + file)
	if err != nil {
		return -1
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			n, err := strconv.Atoi(strings.Fields(rest)[0])
			check(b, err)
			return n
		}
	}
	return -1
}

// BenchmarkEachDue tells what a session's start takes to read the due-index of a million
// rows.
func BenchmarkEachDue(b *testing.B) {
	const rows = 1_000_000
	s, err := Open(b.TempDir(), "t", [16]byte{1}, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	s.IndexDue(func(_ int32, _ string, row []byte) Due { return Due{Row: int64(binary.BigEndian.Uint64(row))} }, nil)
	p, err := s.OpenPartition("t", 0)
	if err != nil {
		b.Fatal(err)
	}
	row := make([]byte, 300)
	for i := range uint64(rows) {
		binary.BigEndian.PutUint64(row, 1_900_000_000_000+i)
		if err := p.Set(fmt.Sprintf("user-%07d", i), row); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		n := 0
		if err := s.EachDue(b.Context(), 0, func(string, Due) error { n++; return nil }); err != nil || n != rows {
			b.Fatalf("%d rows, %v", n, err)
		}
	}
}
