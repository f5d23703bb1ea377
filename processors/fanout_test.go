package processors_test

import (
	"fmt"
	"maps"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/processors"
	"github.com/belfry/belfry/sources"
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
// time, all of it, and that the fold's backlog is looked at after each thousand records, of
// whatever events of several recipients.
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
	for _, tt := range []struct{ recipients, asked int }{{1, 0}, {1000, 1}, {1001, 2}, {2500, 4}, {499, 4}, {999, 5}, {2, 5}} {
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
		await.Eventually(t, patience, func() string {
			return fmt.Sprintf("asked %d times once there were %d recipients, want %d", asked.Load(), tt.recipients, tt.asked)
		}, func() bool { return asked.Load() == int64(tt.asked) })
	}
}

// announcing are rules whose records say how many notices to many they are.
type announcing struct{}

func (announcing) Route(r sources.Record) (all []sources.Delivery, err error) {
	n, err := strconv.Atoi(string(r.Value))
	if err != nil {
		return nil, err
	}
	for i := range n {
		notice := belfry.Notification{ID: fmt.Sprint(r.Offset, "/", i), Source: r.Topic, Audience: belfry.AudienceAll, Title: belfry.PlainText("x"), ExpiresAt: time.Now().Add(time.Hour)}
		all = append(all, sources.Delivery{Rule: "announce", Record: inbox.Record{Kind: inbox.KindNotify, Notification: notice, Rule: "announce"}})
	}
	return all, nil
}

// TestNoticesAskWhatTheFoldHasToDo holds that after each eight notices of whatever records the
// router waits until they are in the journal and looks at the fold; and that a record of too
// many is a letter, whole.
func TestNoticesAskWhatTheFoldHasToDo(t *testing.T) {
	t.Parallel()
	cfg := installed(t)
	createSource(t, cfg, partitions, "portal")
	client, err := sarama.NewClient(cfg.Brokers, kafkatest.ClientConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	journal := func() int64 {
		end, err := client.GetOffset(prefix.Journal(), 0, sarama.OffsetNewest)
		if err != nil {
			t.Error(err)
		}
		return end
	}
	var asked atomic.Int64
	backlog := new(engine.Backlog)
	backlog.Count(func() int64 {
		asked.Add(1)
		if n := journal(); n%8 != 0 {
			t.Errorf("asked with %d notices in the journal, want a multiple of eight", n)
		}
		return 0
	})
	backlog.Count(func() int64 { return 1 })
	dead, err := engine.OpenDeadLetters(cfg, prefix.DeadLetters())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dead.Close() })
	deps := processors.Deps{
		Prefix: prefix, DeadLetters: dead, Metrics: processors.NewMetrics(prometheus.NewRegistry()), Features: inbox.DefaultFeatures,
		Backlog: backlog, Notices: processors.NewNoticePace(),
	}
	await.Running(t, engine.NewProcessor(cfg, processors.NewRouter(deps, "portal", announcing{}).Group()).Run)
	announce := func(n int, total int64) {
		t.Helper()
		produce(t, cfg, &sarama.ProducerMessage{Topic: "portal", Value: sarama.StringEncoder(strconv.Itoa(n))})
		await.Eventually(t, patience, func() string { return fmt.Sprintf("%d notices in the journal, want %d", journal(), total) }, func() bool { return journal() == total })
	}
	announce(7, 7)
	if n := asked.Load(); n != 0 {
		t.Errorf("asked %d times after seven notices", n)
	}
	announce(1, 8)
	announce(belfry.MaxNotices, 8+belfry.MaxNotices)
	want := int64((8 + belfry.MaxNotices) / 8)
	await.Eventually(t, patience, func() string { return fmt.Sprintf("asked %d times, want %d", asked.Load(), want) }, func() bool { return asked.Load() == want })
	produce(t, cfg, &sarama.ProducerMessage{Topic: "portal", Value: sarama.StringEncoder(strconv.Itoa(belfry.MaxNotices + 1))})
	if got := letters(t, cfg, 1)[0]; !strings.Contains(got, "audience: at most 250 notices") {
		t.Errorf("the letter says %q", got)
	}
	if n := journal(); n != 8+belfry.MaxNotices {
		t.Errorf("%d notices in the journal after the letter, want %d", n, 8+belfry.MaxNotices)
	}
}
