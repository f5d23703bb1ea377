package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry/belfry/engine/kafka"
)

var errBroken = errors.New("broken")

func quiet(name string) *Supervisor {
	return NewSupervisor(name, &kafka.Config{Logger: slog.New(slog.DiscardHandler)})
}

func TestSupervisorBuildsAnewWithBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := quiet("it")
		var began []time.Time
		done := make(chan error, 1)
		go func() {
			done <- s.Run(ctx, func(ctx context.Context) error {
				began = append(began, time.Now())
				if len(began) <= 8 {
					return errBroken
				}
				s.Enter(Running)
				<-ctx.Done()
				return errBroken
			})
		}()
		synctest.Wait()
		if got := s.Snapshot(); got.Phase != Failed || got.Restarts != 1 || !errors.Is(got.Err, errBroken) {
			t.Errorf("after the first failure: %v", got)
		}
		time.Sleep(5 * time.Minute)
		if got := s.Snapshot(); got.Phase != Running || got.Restarts != 8 || !errors.Is(got.Err, errBroken) {
			t.Errorf("after the last failure: %v", got)
		}
		// 0.2 s doubled each time, 10 s at the most, and half of it more or less.
		for i, base := range []time.Duration{200, 400, 800, 1600, 3200, 6400, 10000, 10000} {
			base *= time.Millisecond
			if pause := began[i+1].Sub(began[i]); pause < base/2 || pause > base*3/2+1 {
				t.Errorf("pause %d is %v, want about %v", i, pause, base)
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run returned %v", err)
		}
		if got := s.Snapshot().Phase; got != Stopped {
			t.Errorf("phase %s in the end", got)
		}
	})
}

// A worker that ran for a while failed for another reason than the time before.
func TestSupervisorForgetsOldFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := quiet("it")
		var ended time.Time
		_ = s.Run(ctx, func(context.Context) error {
			if s.Snapshot().Restarts > 20 {
				cancel()
				return nil
			}
			if !ended.IsZero() {
				if pause := time.Since(ended); pause > 301*time.Millisecond {
					t.Errorf("pause of %v after a long life", pause)
				}
			}
			time.Sleep(2 * settled)
			ended = time.Now()
			return errBroken
		})
	})
}

func TestSupervisorStopsInItsPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := quiet("it")
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = s.Run(ctx, func(context.Context) error { return errBroken })
		}()
		time.Sleep(time.Minute)
		synctest.Wait() // it is in a pause of seconds
		began := time.Now()
		cancel()
		<-done
		if waited := time.Since(began); waited != 0 {
			t.Errorf("it took %v to stop", waited)
		}
		if got := s.Snapshot().Phase; got != Stopped {
			t.Errorf("phase %s in the end", got)
		}
	})
}

func TestStatusIsOneLine(t *testing.T) {
	at := time.Date(2026, 1, 31, 9, 0, 0, 0, time.FixedZone("KST", 9*3600))
	tests := []struct {
		name   string
		status Status
		want   string
	}{
		{"running", Status{Name: "view x", Phase: Running, Since: at}, "view x running since 2026-01-31T00:00:00Z"},
		{"failed", Status{Name: "view x", Phase: Failed, Since: at, Restarts: 2, Err: errBroken},
			"view x failed since 2026-01-31T00:00:00Z, restarted 2 times, last error: broken"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.status.String(); got != tt.want || strings.Contains(got, "\n") {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// The log tells of one cause once, and once a minute while it lasts: of brokers that
// cannot be reached for all that need them together. Each says when it runs again.
func TestFailuresAreToldOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		log := slog.New(slog.NewTextHandler(&out, nil))
		cfg := &kafka.Config{Logger: log, Outage: kafka.NewOutage(log)}
		a, b := NewSupervisor("a", cfg), NewSupervisor("b", cfg)
		lines := func(want ...string) {
			t.Helper()
			got := strings.Split(strings.TrimSpace(out.String()), "\n")
			out.Reset()
			ok := len(got) == len(want)
			for i := 0; ok && i < len(got); i++ {
				ok = strings.Contains(got[i], want[i])
			}
			if !ok {
				t.Errorf("the log says\n%s\nwant %q", strings.Join(got, "\n"), want)
			}
		}
		away := fmt.Errorf("connect: %w", &net.OpError{Op: "dial", Err: errors.New("refused")})
		for range 8 { // 40 s
			a.tell(away, 0, 0)
			b.tell(away, 0, 0)
			time.Sleep(5 * time.Second)
		}
		lines(`level=WARN msg="kafka cannot be reached`)
		time.Sleep(20 * time.Second)
		a.tell(away, 0, 0)
		lines(`level=WARN msg="kafka can still not be reached" component=a for=1m0s`)
		a.Enter(Running)
		lines(`level=INFO msg="runs again" component=a`)
		b.Enter(Running)
		lines(`level=INFO msg="kafka answers again" after=1m0s`, `level=INFO msg="runs again" component=b`)
		for range 3 {
			a.tell(errors.New("topic is missing"), 0, 0)
			time.Sleep(10 * time.Second)
		}
		a.tell(errors.New("another"), 0, 0)
		lines("topic is missing", "another")
		time.Sleep(time.Minute)
		a.tell(errors.New("another"), 0, 0)
		lines("another")
	})
}
