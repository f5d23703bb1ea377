package upkeep_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/upkeep"
)

// journal remembers who was touched.
type journal struct {
	mu       sync.Mutex
	touched  []string
	attempts int
	err      error
	writing  func() // called before a write succeeds; may be nil
}

func (j *journal) Append(_ context.Context, records ...inbox.Addressed) ([]inbox.Position, error) {
	if j.writing != nil {
		j.writing()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.attempts++
	if j.err != nil {
		return nil, j.err
	}
	for _, r := range records {
		if r.Record.Kind != inbox.KindTouch {
			return nil, fmt.Errorf("a record of kind %s", r.Record.Kind)
		}
		j.touched = append(j.touched, r.Recipients...)
	}
	return make([]inbox.Position, len(records)), nil
}

func (j *journal) sorted() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Sorted(slices.Values(j.touched))
}

func (j *journal) fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.err = err
}

type progress struct {
	recovered bool
	lag       int64
}

func (p *progress) Recovered() bool { return p.recovered }
func (p *progress) Lag() int64      { return p.lag }

// turn is long enough for the turn of every key to come.
const turn = 4 * upkeep.DefaultRepairDelay

// repairing runs repairs in a bubble until stop is called.
func repairing(t *testing.T, cfg upkeep.RepairsConfig) (r *upkeep.Repairs, stop func()) {
	t.Helper()
	cfg.Logger = quiet()
	r, err := upkeep.OpenRepairs(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		if err := r.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	t.Cleanup(stop)
	return r, stop
}

// pass lets time go by in a bubble.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestRepairs(t *testing.T) {
	type act = func(a, b *upkeep.Reports)
	wait := func(d time.Duration) act { return func(_, _ *upkeep.Reports) { pass(d) } }
	refused := func(key string) act { return func(a, _ *upkeep.Reports) { a.Refused(key) } }
	accepted := func(key string) act { return func(a, _ *upkeep.Reports) { a.Accepted(key) } }
	other := func(then act) act { return func(_, b *upkeep.Reports) { then(b, nil) } }
	tests := []struct {
		name string
		acts []act
		want []string // touched
	}{
		{"refused", []act{refused("a"), refused("b")}, []string{"a", "b"}},
		{"not refused", []act{accepted("a")}, nil},
		{"refused and accepted within the delay", []act{refused("a"), wait(upkeep.DefaultRepairDelay / 2), accepted("a")}, nil},
		{"others accepted", []act{refused("a"), accepted("b")}, []string{"a"}},
		{"accepted and refused", []act{accepted("a"), refused("a")}, []string{"a"}},
		{"refused again within the delay", []act{refused("a"), refused("a"), wait(time.Second), refused("a")}, []string{"a"}},
		{"accepted and refused again", []act{refused("a"), accepted("a"), refused("a")}, []string{"a"}},
		{"refused again later", []act{refused("a"), wait(turn), refused("a")}, []string{"a", "a"}},
		{"seen by two", []act{refused("a"), other(refused("a"))}, []string{"a"}},
		{"the other is at an earlier place", []act{refused("a"), other(accepted("a"))}, []string{"a"}},
		{"both see the newer row", []act{refused("a"), other(refused("a")), accepted("a"), other(accepted("a"))}, nil},
		{"no recipient", []act{refused(""), refused("a/1"), refused("a\nb"), refused("__offset")}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state", "repairs")
			synctest.Test(t, func(t *testing.T) {
				j := &journal{}
				r, _ := repairing(t, upkeep.RepairsConfig{Path: path, Journal: j, View: &progress{recovered: true}})
				a, b := r.Reports(), r.Reports()
				for _, act := range tt.acts {
					act(a, b)
				}
				pass(turn)
				if got := j.sorted(); !slices.Equal(got, tt.want) {
					t.Errorf("touched %q, want %q", got, tt.want)
				}
				if got, want := r.Repaired(), int64(len(tt.want)); got != want || r.Waiting() != 0 {
					t.Errorf("%d repaired, %d waiting, want %d and none", got, r.Waiting(), want)
				}
				if info, err := os.Stat(path); err != nil || info.Size() != 0 {
					t.Errorf("what is done is still on disk: %v, %v", info, err)
				}
			})
		})
	}
}

func TestRepairsWaitForTheDelay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "repairs")
	synctest.Test(t, func(t *testing.T) {
		j := &journal{}
		r, _ := repairing(t, upkeep.RepairsConfig{Path: path, Journal: j})
		seen := r.Reports()
		pass(time.Second)
		for i := range 100 {
			seen.Refused(fmt.Sprint("user-", i))
		}
		pass(upkeep.DefaultRepairDelay - time.Millisecond)
		if got := len(j.sorted()); got != 0 || r.Waiting() != 100 {
			t.Errorf("%d touched before the delay, %d waiting", got, r.Waiting())
		}
		// Their turns are spread, so that other servers see the newer rows first.
		pass(upkeep.DefaultRepairDelay)
		if got := len(j.sorted()); got < 20 || got > 80 {
			t.Errorf("%d of 100 touched half way", got)
		}
		pass(turn)
		if got := len(j.sorted()); got != 100 {
			t.Errorf("%d touched, want 100", got)
		}
	})
}

func TestRepairsWaitForTheView(t *testing.T) {
	tests := []struct {
		name  string
		view  progress
		after time.Duration
		want  int
	}{
		{"caught up", progress{recovered: true}, turn, 1},
		{"recovering", progress{}, time.Hour, 0},
		{"behind", progress{recovered: true, lag: 1}, 50 * time.Second, 0},
		{"always behind", progress{recovered: true, lag: 1}, 2 * time.Minute, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "repairs")
			synctest.Test(t, func(t *testing.T) {
				j := &journal{}
				r, _ := repairing(t, upkeep.RepairsConfig{Path: path, Journal: j, View: &tt.view})
				r.Reports().Refused("a")
				pass(tt.after)
				if got := len(j.sorted()); got != tt.want {
					t.Errorf("%d touches after %v, want %d", got, tt.after, tt.want)
				}
			})
		})
	}
}

func TestRepairsAreRetried(t *testing.T) {
	path := filepath.Join(t.TempDir(), "repairs")
	synctest.Test(t, func(t *testing.T) {
		j := &journal{err: errTest}
		r, _ := repairing(t, upkeep.RepairsConfig{Path: path, Journal: j})
		seen := r.Reports()
		seen.Refused("a")
		seen.Refused("b")
		pass(10 * time.Minute)
		j.mu.Lock()
		// Every 30 s or so in the end.
		if j.attempts < 10 || j.attempts > 60 {
			t.Errorf("%d attempts in 10 minutes", j.attempts)
		}
		j.mu.Unlock()
		if r.Repaired() != 0 || r.Waiting() != 2 {
			t.Errorf("%d repaired, %d waiting", r.Repaired(), r.Waiting())
		}
		seen.Accepted("b")
		j.fail(nil)
		pass(time.Minute)
		if got := j.sorted(); !slices.Equal(got, []string{"a"}) || r.Repaired() != 1 || r.Waiting() != 0 {
			t.Errorf("touched %q, %d repaired, %d waiting", got, r.Repaired(), r.Waiting())
		}
	})
}

// A row that is refused behind the one that the touch led to needs another, even
// if the acknowledgement of the touch comes last.
func TestRepairsSeeWhatIsRefusedWhileTheyWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "repairs")
	synctest.Test(t, func(t *testing.T) {
		j := &journal{}
		r, _ := repairing(t, upkeep.RepairsConfig{Path: path, Journal: j})
		seen := r.Reports()
		j.writing = sync.OnceFunc(func() {
			seen.Accepted("a")
			seen.Refused("a")
			seen.Refused("b")
		})
		seen.Refused("a")
		pass(2 * turn)
		if got := j.sorted(); !slices.Equal(got, []string{"a", "a", "b"}) {
			t.Errorf("touched %q", got)
		}
	})
}

// A view does not see again what it refused before a restart.
func TestRepairsOutliveTheirProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "repairs")
	synctest.Test(t, func(t *testing.T) {
		j := &journal{}
		r, _ := repairing(t, upkeep.RepairsConfig{Path: path, Journal: j})
		r.Reports().Refused("사용자-7")
		r.Reports().Refused("b")
		// As a kill leaves it, and then a loss of power amid a write.
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		left := path + ".left"
		if err := os.WriteFile(left, append(data, "\x00\x00\nhalf of a ke"...), 0o600); err != nil {
			t.Fatal(err)
		}
		again := &journal{}
		r, stop := repairing(t, upkeep.RepairsConfig{Path: left, Journal: again})
		r.Reports().Refused("c")
		pass(2 * turn)
		if got := again.sorted(); !slices.Equal(got, []string{"b", "c", "사용자-7"}) || r.Waiting() != 0 {
			t.Errorf("touched %q, %d waiting", got, r.Waiting())
		}
		// The file begins anew with what comes next.
		r.Reports().Refused("d")
		if data, err := os.ReadFile(left); err != nil || string(data) != "d\n" {
			t.Errorf("on disk is %q, %v", data, err)
		}
		pass(turn)
		stop()
		r, _ = repairing(t, upkeep.RepairsConfig{Path: left, Journal: again})
		pass(turn)
		if got := len(again.sorted()); got != 4 || r.Waiting() != 0 {
			t.Errorf("%d touches after another restart, %d waiting: what is done is done again", got, r.Waiting())
		}
	})
}

func TestRepairsBeyondWhatMemoryHolds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "repairs")
	synctest.Test(t, func(t *testing.T) {
		const n = 25_000
		j := &journal{err: errTest}
		r, _ := repairing(t, upkeep.RepairsConfig{Path: path, Journal: j})
		seen := r.Reports()
		var want []string
		for i := range n {
			key := fmt.Sprintf("user-%05d", i)
			want = append(want, key)
			seen.Refused(key)
		}
		pass(time.Minute)
		if r.Waiting() != n {
			t.Errorf("%d waiting, want %d", r.Waiting(), n)
		}
		// Only of the first 10,000 it is known that they have mended themselves.
		for i := range 5_000 {
			seen.Accepted(want[i])
			seen.Accepted(want[n-1-i])
		}
		want = want[5_000:]
		if r.Waiting() != len(want) {
			t.Errorf("%d waiting, want %d", r.Waiting(), len(want))
		}
		j.fail(nil)
		pass(5 * time.Minute)
		if got := j.sorted(); !slices.Equal(got, want) || r.Waiting() != 0 {
			t.Errorf("%d touched, %d waiting, want %d and none", len(got), r.Waiting(), len(want))
		}
		if info, err := os.Stat(path); err != nil || info.Size() != 0 {
			t.Errorf("what is done is still on disk: %v, %v", info, err)
		}
	})
}

func TestRepairsNeedTheirFile(t *testing.T) {
	folder := t.TempDir()
	if _, err := upkeep.OpenRepairs(upkeep.RepairsConfig{Path: folder}); err == nil {
		t.Error("a folder was taken for the file")
	}
	if _, err := upkeep.OpenRepairs(upkeep.RepairsConfig{Path: filepath.Join(os.DevNull, "x")}); err == nil {
		t.Error("no error without a folder")
	}
	var none *upkeep.Reports
	none.Refused("a")
	none.Accepted("a")
}

// A disk that takes no more costs only what a restart forgets.
func TestRepairsWithoutTheirFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "repairs")
	synctest.Test(t, func(t *testing.T) {
		j := &journal{}
		r, err := upkeep.OpenRepairs(upkeep.RepairsConfig{Path: path, Journal: j, Logger: quiet()})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.Run(ctx) }()
		seen := r.Reports()
		seen.Refused("a")
		seen.Refused("b")
		pass(turn)
		if got := j.sorted(); !slices.Equal(got, []string{"a", "b"}) || r.Waiting() != 0 {
			t.Errorf("touched %q, %d waiting", got, r.Waiting())
		}
		cancel()
		<-done
	})
}
