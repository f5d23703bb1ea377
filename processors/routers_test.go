package processors_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/processors"
	"github.com/belfry/belfry/sources"
)

func describe(t *testing.T, m *sarama.ConsumerMessage) string {
	t.Helper()
	record, err := codec.DecodeRecord(m.Value)
	if err != nil {
		t.Fatal(err)
	}
	line := fmt.Sprintf("%s %s", m.Key, record.Notification.Title[""])
	if record.Silent {
		line += " (silent)"
	}
	return line
}

// wantJournal waits for the records and checks that they are these, in any order.
func wantJournal(t *testing.T, cfg kafka.Config, want ...string) {
	t.Helper()
	got := journal(t, cfg, len(want))
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the journal has %q, want %q", got, want)
	}
}

func TestNamedTopicsAreWaitedFor(t *testing.T) {
	t.Parallel()
	cfg := installed(t)
	r := route(t, cfg, named("orders"))
	r.await(t, "orders", engine.Waiting)
	awaitNoted(t, cfg, "topic orders")
	if !r.Settled() {
		t.Error("a topic that does not exist keeps the routers from settling")
	}
	if got, want := fmt.Sprint(r.Inputs()), "map[test-router-orders:[orders]]"; got != want {
		t.Errorf("inputs %v, want %v", got, want)
	}
	topics, err := admin(t, cfg).ListTopics()
	if _, there := topics["orders"]; there || err != nil {
		t.Fatalf("the topic was created by whoever looked for it: %v", err)
	}
	// It comes with its first record, which is new.
	createSource(t, cfg, 2, "orders")
	produce(t, cfg, to("orders", "a", "b", "first"))
	wantJournal(t, cfg, "a first", "b first")
	r.await(t, "orders", engine.Running)
}

func TestPatternsPickUpWhatComes(t *testing.T) {
	t.Parallel()
	cfg := installed(t)
	createSource(t, cfg, 1, "shop.old", "other.old")
	produce(t, cfg, to("shop.old", "a", "old news"), to("other.old", "a", "old news"), to(prefix.Notifications(), "a", "ours"))
	r := route(t, cfg, matching(`shop\..*`))
	awaitNoted(t, cfg, `pattern shop\..*`)
	produce(t, cfg, to("shop.old", "a", "new"))
	createSource(t, cfg, 2, "shop.new")
	produce(t, cfg, to("shop.new", "b", "first of a new topic"))
	wantJournal(t, cfg, "a new", "b first of a new topic")

	// Events that came while no process looked are new, too.
	r.stop()
	createSource(t, cfg, 1, "shop.newer")
	produce(t, cfg, to("shop.newer", "c", "first of a topic that came while none ran"))
	r = route(t, cfg, matching(`shop\..*`))
	wantJournal(t, cfg, "a new", "b first of a new topic", "c first of a topic that came while none ran")

	// A wider pattern brings no old news, and reads no topic of ours.
	r.Set([]processors.Source{matching(`.*`)})
	awaitNoted(t, cfg, `pattern .*`)
	produce(t, cfg, to("other.old", "d", "new"), to("shop.old", "d", "newer"))
	wantJournal(t, cfg, "a new", "b first of a new topic", "c first of a topic that came while none ran", "d new", "d newer")
	var names []string
	for _, s := range r.Status() {
		names = append(names, strings.TrimPrefix(s.Name, "processor test-router-"))
	}
	if want := []string{"other.old", "shop.new", "shop.newer", "shop.old"}; !slices.Equal(names, want) {
		t.Errorf("routed are %q, want %q", names, want)
	}
}

// A topic that was deleted and created again while none ran is new as a whole.
func TestTopicsThatWereCreatedAnew(t *testing.T) {
	t.Parallel()
	cfg := installed(t)
	createSource(t, cfg, 1, "orders")
	produce(t, cfg, to("orders", "a", "old news"))
	r := route(t, cfg, named("orders"))
	awaitNoted(t, cfg, "topic orders")
	r.stop()
	a := admin(t, cfg)
	if err := a.DeleteTopic("orders"); err != nil {
		t.Fatal(err)
	}
	// Kafka forgets the offsets with the topic.
	if err := a.DeleteConsumerGroup(prefix.RouterGroup("orders")); err != nil {
		t.Fatal(err)
	}
	createSource(t, cfg, 1, "orders")
	produce(t, cfg, to("orders", "a", "of the new topic"))
	route(t, cfg, named("orders"))
	wantJournal(t, cfg, "a of the new topic")
}

// warnings counts what is logged above info.
type warnings struct {
	slog.Handler
	mu  sync.Mutex
	all []string
}

func (w *warnings) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }
func (w *warnings) WithAttrs([]slog.Attr) slog.Handler           { return w }

func (w *warnings) Handle(_ context.Context, r slog.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	line := r.Message
	r.Attrs(func(a slog.Attr) bool { line += " " + a.String(); return true })
	w.all = append(w.all, line)
	return nil
}

func TestRulesChangeBetweenTwoRecords(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	told := &warnings{Handler: slog.DiscardHandler}
	cfg.Logger = slog.New(told)
	makeTopics(t, cfg)
	createSource(t, cfg, 1, "orders", "gone")
	s := named("orders")
	s.Rules = scripted(func(sources.Record) error { return &belfry.FieldError{Field: "x", Problem: "bad rules"} })
	r := route(t, cfg, s, named("gone"))
	awaitNoted(t, cfg, "topic orders")
	awaitNoted(t, cfg, "topic gone")
	r.await(t, "orders", engine.Running)
	since := r.Status()
	produce(t, cfg, to("orders", "a", "for the dead letters"))
	consume(t, cfg, prefix.DeadLetters(), 1)

	r.Set([]processors.Source{named("orders"), named("gone")})
	produce(t, cfg, to("orders", "a", "by good rules"), to("orders"))
	wantJournal(t, cfg, "a by good rules")
	await.Eventually(t, patience, func() string { return "nothing is unmatched" }, func() bool {
		return counterOf(t, r, "belfry_records_total", prefix.RouterGroup("orders"), "unmatched") == 1
	})
	if got := counterOf(t, r, "belfry_rule_matches_total", "by-list"); got != 1 {
		t.Errorf("the rule matched %v times, want 1", got)
	}
	for i, is := range r.Status() {
		if was := since[i]; is.Name != was.Name || !is.Since.Equal(was.Since) || is.Phase != engine.Running {
			t.Errorf("new rules took %v to %v", was, is)
		}
	}

	// A source that is taken out ends without noise; a topic that is deleted is told of.
	if err := admin(t, cfg).DeleteTopic("gone"); err != nil {
		t.Fatal(err)
	}
	r.await(t, "gone", engine.Waiting)
	r.Set([]processors.Source{named("gone")})
	r.await(t, "orders", "")
	told.mu.Lock()
	defer told.mu.Unlock()
	if len(told.all) != 2 || !strings.HasPrefix(told.all[0], "record set aside as a dead letter") || told.all[1] != "source topic does not exist; it is read as soon as somebody creates it topic=gone" {
		t.Errorf("warned of %q", told.all)
	}
	if got := counterOf(t, r, "belfry_source_topic_missing", "gone"); got != 1 {
		t.Errorf("gone is missing: %v", got)
	}
}

func TestUnavailableIsWaitedFor(t *testing.T) {
	t.Parallel()
	cfg := installed(t)
	createSource(t, cfg, 1, "orders")
	var up atomic.Bool
	s := named("orders")
	s.Rules = scripted(func(r sources.Record) error {
		if r.Offset == 1 && !up.Load() {
			return fmt.Errorf("schema 7: %w", sources.ErrUnavailable)
		}
		return nil
	})
	r := route(t, cfg, s)
	awaitNoted(t, cfg, "topic orders")
	produce(t, cfg, to("orders", "a", "0"), to("orders", "a", "1"), to("orders", "a", "2"))
	waits := func() string {
		for _, s := range r.Status() {
			for _, h := range s.HeldUp {
				return h.String()
			}
		}
		return ""
	}
	awaitWait := func() {
		t.Helper()
		await.Eventually(t, patience, func() string { return fmt.Sprint("nothing waits: ", r.Status()) },
			func() bool {
				return strings.Contains(waits(), "orders/0 waits at offset 1 since ") && strings.Contains(waits(), ": schema 7")
			})
	}
	awaitWait()
	r.stop() // also while it waits
	wantJournal(t, cfg, "a 0")

	r = route(t, cfg, s)
	awaitWait()
	up.Store(true)
	if got, want := journal(t, cfg, 3), []string{"a 0", "a 1", "a 2"}; !slices.Equal(got, want) {
		t.Errorf("the journal has %q, want %q", got, want)
	}
	if got := counterOf(t, r, "belfry_dead_letters_total", prefix.RouterGroup("orders"), "undecodable"); got != 0 {
		t.Errorf("%v dead letters", got)
	}
	await.Eventually(t, patience, func() string { return "still waits for " + waits() }, func() bool { return waits() == "" })
}

// Events that are older than the activation arrive read and make no sound.
func TestSilentBackfill(t *testing.T) {
	t.Parallel()
	cfg := installed(t)
	createSource(t, cfg, 1, "orders")
	produce(t, cfg, to("orders", "a", "old"), to("orders", "a", "older than the rules"))
	p := start(t, cfg)
	s := named("orders")
	s.Start = func(time.Time) engine.Start { return engine.Start{Silent: true} }
	route(t, cfg, s)
	awaitNoted(t, cfg, "topic orders")
	produce(t, cfg, to("orders", "a", "live"))
	p.awaitCount(t, "a", 1)
	if got, want := journal(t, cfg, 3), []string{"a old (silent)", "a older than the rules (silent)", "a live"}; !slices.Equal(got, want) {
		t.Errorf("the journal has %q, want %q", got, want)
	}
	row, err := p.unread.Row("a")
	if err != nil || len(row.Items) != 3 {
		t.Fatalf("row %+v, %v", row, err)
	}
	for i, e := range row.Items {
		if old := i < 2; e.Read != old || e.Seen != old {
			t.Errorf("item %d is %+v", i, e)
		}
	}
}

func counterOf(t *testing.T, r *routing, name string, labels ...string) float64 {
	t.Helper()
	p := &path{metrics: r.metrics}
	return p.counter(t, name, labels...)
}
