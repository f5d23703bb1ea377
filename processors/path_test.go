package processors_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/emitters"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/processors"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/sources/envelope"
	"github.com/belfry/belfry/timers"
	"github.com/belfry/belfry/views"
)

const (
	prefix     = belfry.Prefix("test")
	partitions = 4
)

// path is the whole path on one broker: all groups, both views, an emitter.
type path struct {
	cfg     kafka.Config
	unread  *views.Unread
	inbox   *views.Inbox
	journal *emitters.Journal
	metrics *prometheus.Registry
	stop    func()
	timers  *timers.Queue
	policy  atomic.Pointer[reach.Policy]
}

func config(t *testing.T) kafka.Config {
	t.Helper()
	return kafka.Config{Brokers: kafkatest.Embedded(t), StateDir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)}
}

func makeTopics(t *testing.T, cfg kafka.Config) {
	t.Helper()
	kafkatest.Install(t, cfg, prefix, partitions)
}

func installed(t *testing.T) kafka.Config {
	t.Helper()
	return kafkatest.Installation(t, prefix, partitions)
}

func start(t *testing.T, cfg kafka.Config) *path {
	t.Helper()
	return startBy(t, cfg, nil)
}

// startBy is start with channels.
func startBy(t *testing.T, cfg kafka.Config, policy *reach.Policy) *path {
	t.Helper()
	dead, err := engine.OpenDeadLetters(cfg, prefix.DeadLetters())
	if err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	p := &path{cfg: cfg, metrics: registry, unread: views.NewUnread(cfg, prefix), inbox: views.NewInbox(cfg, prefix)}
	if p.journal, err = emitters.OpenJournal(cfg, prefix); err != nil {
		t.Fatal(err)
	}
	p.policy.Store(policy)
	p.timers = timers.New(timers.Config{Journal: p.journal, Logger: cfg.Logger})
	deps := processors.Deps{Prefix: prefix, DeadLetters: dead, Timers: p.timers, Policy: p.policy.Load, Metrics: processors.NewMetrics(registry), Log: cfg.Logger, Features: inbox.DefaultFeatures}
	deps.Repeats = processors.NewRepeats(func(ctx context.Context, partition int32, offset int64) ([]byte, error) {
		m, _, err := table.RecordAt(ctx, cfg, prefix.Journal(), partition, offset)
		if err != nil {
			return nil, err
		}
		return m.Value, nil
	})
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	run := func(f func(context.Context) error) { all.Go(func() { _ = f(ctx) }) }
	groups := []*engine.Processor{
		engine.NewProcessor(cfg, processors.NewRouter(deps, prefix.Notifications(), envelope.Notifications{}).Group()),
		engine.NewProcessor(cfg, processors.NewUnread(deps, 0).Group()),
	}
	for _, g := range groups {
		run(g.Run)
	}
	run(func(ctx context.Context) error { return deps.Repeats.Run(ctx, &deps) })
	run(p.unread.Run)
	run(p.inbox.Run)
	p.stop = sync.OnceFunc(func() {
		cancel()
		all.Wait()
		if err := p.journal.Close(); err != nil {
			t.Error(err)
		}
		if err := dead.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(p.stop)
	await.Eventually(t, await.Patience, func() string {
		s := ""
		for _, g := range groups {
			s += g.Status().String() + "\n"
		}
		return s + p.unread.Status().String() + "\n" + p.inbox.Status().String()
	}, func() bool {
		for _, g := range groups {
			if g.Status().Phase != engine.Running {
				return false
			}
		}
		return p.unread.Recovered() && p.inbox.Recovered()
	})
	return p
}

func (p *path) count(recipient string) int {
	row, err := p.unread.Row(recipient)
	if err != nil {
		return -1
	}
	counts := row.Counts(time.Now())
	return counts.Unread
}

func TestPathFromEventToTables(t *testing.T) {
	t.Parallel()
	cfg := installed(t)
	p := start(t, cfg)

	events, err := emitters.OpenNotifications(cfg, prefix)
	if err != nil {
		t.Fatal(err)
	}
	defer events.Close()
	const users, each = 10, 20
	var all []belfry.Notification
	for i := range users * each {
		n := belfry.Notification{ID: fmt.Sprint(i), Recipient: fmt.Sprintf("사용자-%d", i%users), Title: belfry.PlainText("안녕"), Data: json.RawMessage(`{}`)}
		all = append(all, n, n) // every one twice
	}
	for some := range slices.Chunk(all, 50) {
		if err := events.Emit(t.Context(), some...); err != nil {
			t.Fatal(err)
		}
	}
	check := func(want int) {
		t.Helper()
		for u := range users {
			user := fmt.Sprintf("사용자-%d", u)
			await.Eventually(t, await.Patience, func() string { return fmt.Sprintf("%s has %d, want %d", user, p.count(user), want) },
				func() bool { return p.count(user) == want })
			row, err := p.unread.Row(user)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range row.Items {
				await.Eventually(t, await.Patience, func() string { return fmt.Sprintf("no content of %s/%d", user, e.Seq) }, func() bool {
					item, ok, err := p.inbox.Item(user, e.Seq)
					return err == nil && ok && item.Title[""] == "안녕"
				})
			}
		}
	}
	check(each)

	before, _ := p.unread.Row("사용자-3")
	positions, err := p.journal.Append(t.Context(), inbox.Addressed{Recipients: []string{"사용자-3"}, Record: inbox.Record{Kind: inbox.KindRead, UpTo: before.Items[9].Seq}})
	if err != nil {
		t.Fatal(err)
	}
	await.Eventually(t, await.Patience, func() string { return "command not applied" }, func() bool {
		row, err := p.unread.Row("사용자-3")
		return err == nil && row.Applied(positions[0]) && p.count("사용자-3") == each-10
	})

	// A restart, with the state folder and without it, changes nothing.
	for _, dir := range []string{cfg.StateDir, t.TempDir()} {
		version := before.Version
		p.stop()
		cfg.StateDir = dir
		p = start(t, cfg)
		row, err := p.unread.Row("사용자-3")
		if err != nil || row.Version < version || p.count("사용자-3") != each-10 {
			t.Fatalf("after a restart: version %d (before %d), count %d, %v", row.Version, version, p.count("사용자-3"), err)
		}
		p.check(t, users, each)
	}
}

func (p *path) check(t *testing.T, users, each int) {
	t.Helper()
	for u := range users {
		want := each
		if u == 3 {
			want -= 10
		}
		if got := p.count(fmt.Sprintf("사용자-%d", u)); got != want {
			t.Errorf("사용자-%d has %d unread, want %d", u, got, want)
		}
	}
}
