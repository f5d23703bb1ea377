package processors_test

import (
	"fmt"
	"maps"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/processors"
)

// TestOneEventThatBecomesTooMuch has a small record name so many recipients of a long text
// that the journal would grow by 300 MB: it is a dead letter, and the next is routed.
func TestOneEventThatBecomesTooMuch(t *testing.T) {
	t.Parallel()
	cfg := installed(t)
	createSource(t, cfg, partitions, "floods")
	p := start(t, cfg)
	r := route(t, cfg, named("floods"))
	awaitNoted(t, cfg, "topic floods")
	r.await(t, "floods", engine.Running)
	words := make([]string, 5000, 5001)
	for i := range words {
		words[i] = fmt.Sprintf("user-%d", i)
	}
	produce(t, cfg, to("floods", append(words, strings.Repeat("x", 60_000))...))
	if got := letters(t, cfg, 1)[0]; !strings.Contains(got, "too-large: recipients: the record would become more than 256 MiB") {
		t.Errorf("the letter says %q", got)
	}
	produce(t, cfg, to("floods", words[0], "next"))
	await.Eventually(t, patience, func() string { return "the next event is not in the badge" }, func() bool { return p.count(words[0]) == 1 })
}

// One event for many: it ends in every badge, once, also when it is routed
// again. How long that takes is logged, not judged.
func TestOneEventForTenThousand(t *testing.T) {
	if testing.Short() {
		t.Skip("it is large")
	}
	const many = 10_000
	cfg := installed(t)
	createSource(t, cfg, partitions, "announcements")
	p := start(t, cfg)
	r := route(t, cfg, named("announcements"))
	awaitNoted(t, cfg, "topic announcements")
	r.await(t, "announcements", engine.Running)

	words := make([]string, many, many+1)
	for i := range words {
		words[i] = fmt.Sprintf("user-%d", i)
	}
	awaitAll := func(want int) {
		t.Helper()
		n := 0 // have it; to look at all again and again would be what is measured
		await.Eventually(t, patience, func() string { return fmt.Sprintf("%d of %d badges say %d", n, many, want) }, func() bool {
			for n < many && p.count(words[n]) == want {
				n++
			}
			return n == many
		})
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	sent := time.Now()
	produce(t, cfg, to("announcements", append(words, "to all")...))
	acknowledged := time.Since(sent)
	awaitAll(1)
	took := time.Since(sent)
	runtime.ReadMemStats(&after)
	t.Logf("one event in %d badges after %v, %v of them until the event was acknowledged; %d MiB allocated by routers, fold, inbox, views and broker",
		many, took.Round(time.Millisecond), acknowledged.Round(time.Millisecond), (after.TotalAlloc-before.TotalAlloc)>>20)

	await.Eventually(t, patience, func() string { return "the event is not committed" }, func() bool {
		committed, ends := offsets(t, cfg, prefix.RouterGroup("announcements"), "announcements")
		return committed == ends
	})
	r.stop()
	rewind(t, cfg, prefix.RouterGroup("announcements"), "announcements")
	route(t, cfg, named("announcements"))
	produce(t, cfg, to("announcements", append(words, "once more")...))
	// Notifications that were doubled would be counted by then.
	await.Eventually(t, patience, func() string { return "what was routed again is not committed" }, func() bool {
		committed, ends := offsets(t, cfg, prefix.RouterGroup("announcements"), "announcements")
		return committed == ends && ends[0] == 2
	})
	awaitDone(t, cfg)
	awaitAll(2)
}

// TestFanOutsAskWhatTheFoldHasToDo holds that what one event becomes is written a part at a
// time, all of it, and that the fold's backlog is looked at between two parts.
func TestFanOutsAskWhatTheFoldHasToDo(t *testing.T) {
	t.Parallel()
	cfg := installed(t)
	createSource(t, cfg, partitions, "announcements")
	backlog := new(engine.Backlog)
	var asked atomic.Int64
	backlog.Count(func() int64 {
		asked.Add(1)
		return 0
	})
	deps := processors.Deps{Prefix: prefix, DeadLetters: &held{}, Metrics: processors.NewMetrics(prometheus.NewRegistry()), Backlog: backlog}
	await.Running(t, engine.NewProcessor(cfg, processors.NewRouter(deps, "announcements", always()).Group()).Run)
	all := map[string]bool{}
	for _, tt := range []struct{ recipients, asked int }{{1, 0}, {1000, 0}, {1001, 1}, {2500, 3}} {
		names := make([]string, 0, tt.recipients+1)
		for i := range tt.recipients {
			names = append(names, fmt.Sprint(tt.recipients, "-", i))
		}
		produce(t, cfg, to("announcements", append(names, "to all")...))
		for _, name := range names {
			all[name] = true
		}
		got := map[string]bool{}
		for _, m := range consume(t, cfg, prefix.Journal(), len(all)) {
			got[string(m.Key)] = true
		}
		if !maps.Equal(got, all) {
			t.Errorf("%d recipients of %d", len(got), len(all))
		}
		if n := asked.Load(); n != int64(tt.asked) {
			t.Errorf("asked %d times once there were %d recipients, want %d", n, tt.recipients, tt.asked)
		}
	}
}
