package node

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/programtest"
	"github.com/belfry/belfry/processors"
	"github.com/belfry/belfry/sources/envelope"
	"github.com/belfry/belfry/sources/rules"
)

// oneRule is a rules file about one topic.
func oneRule(topic string) string {
	return fmt.Sprintf("sources:\n  - topic: %s\n    rules:\n      - name: rule-of-%[1]s\n        recipients: event.to\n        title: ${event.title}\n", topic)
}

// watched is a watch that runs, and what it has set.
type watched struct {
	*rulesWatch
	log     *programtest.Tail
	hangup  chan os.Signal
	metrics *prometheus.Registry

	mu     sync.Mutex
	topics []string // of the sources, the latest
	sets   int
}

func watchRules(t *testing.T, path string) *watched {
	t.Helper()
	w := &watched{log: &programtest.Tail{}, hangup: make(chan os.Signal, 1), metrics: prometheus.NewRegistry()}
	load := func() (*rules.Set, error) {
		return rules.Load(path, rules.Options{Decoder: envelope.NewDecoder(envelope.Config{})})
	}
	before := fingerprint(path)
	rules, err := load()
	if err != nil {
		t.Fatal(err)
	}
	w.rulesWatch = newRulesWatch(Rules{
		path: path, print: before, loaded: rules, load: load,
		hangups: func() (<-chan os.Signal, func()) { return w.hangup, func() {} },
	}, w.taken, slog.New(slog.NewTextHandler(w.log, nil)))
	w.poll = 10 * time.Millisecond
	w.metrics.MustRegister(told(w.tell))
	await.Running(t, w.Run)
	return w
}

func (w *watched) taken(all []processors.Source) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.topics = nil
	for _, s := range all {
		w.topics = append(w.topics, s.Topic)
	}
	w.sets++
}

func (w *watched) now() ([]string, int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.topics, w.sets
}

func (w *watched) await(t *testing.T, want ...string) {
	t.Helper()
	await.Eventually(t, programtest.Patience, func() string { got, _ := w.now(); return fmt.Sprintf("sources of %q, want %q: %s", got, want, w.log) },
		func() bool { got, _ := w.now(); return slices.Equal(got, want) })
}

func (w *watched) isOK() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rulesWatch.mu.Lock()
	defer w.rulesWatch.mu.Unlock()
	return w.ok
}

func TestRulesThatChange(t *testing.T) {
	t.Parallel()
	path := programtest.WriteFile(t, "rules.yaml", oneRule("a"))
	w := watchRules(t, path)
	w.await(t, "a")
	programtest.RewriteFile(t, path, oneRule("b"))
	w.await(t, "b")

	programtest.RewriteFile(t, path, "sources:\n  - topic: c\n    rules: [{name: x, recipents: event.to}]\n")
	await.Eventually(t, programtest.Patience, func() string { return "a bad file was not noticed" }, func() bool { return !w.isOK() })
	w.await(t, "b")
	if !strings.Contains(w.log.String(), "recipents") {
		t.Errorf("the log doesn't say what is wrong: %s", w.log)
	}
	if err := testutil.GatherAndCompare(w.metrics, strings.NewReader(fmt.Sprintf(`# HELP belfry_rules_last_reload_successful 1 if the last attempt to load the rules succeeded.
# TYPE belfry_rules_last_reload_successful gauge
belfry_rules_last_reload_successful 0
# HELP belfry_rules_loaded_info The rules in force, by the hash of their text.
# TYPE belfry_rules_loaded_info gauge
belfry_rules_loaded_info{hash=%q} 1
`, w.rulesWatch.hash)), "belfry_rules_last_reload_successful", "belfry_rules_loaded_info"); err != nil {
		t.Error(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	w.await(t, "b")
	programtest.RewriteFile(t, path, oneRule("d"))
	w.await(t, "d")
	if !w.isOK() {
		t.Error("the last attempt succeeded, and the metric says no")
	}
}

// A signal asks for it at once, also when nothing has changed.
func TestRulesOnSIGHUP(t *testing.T) {
	t.Parallel()
	w := watchRules(t, programtest.WriteFile(t, "rules.yaml", oneRule("a")))
	_, before := w.now()
	w.hangup <- os.Interrupt
	await.Eventually(t, programtest.Patience, func() string { return "the signal did nothing" }, func() bool { _, after := w.now(); return after == before+1 })
}

// A Kubernetes ConfigMap is a folder of links into a folder that a link names,
// and that is swapped.
func TestRulesOfAConfigMap(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	version := func(name, topic string) {
		t.Helper()
		if err := errors.Join(os.Mkdir(filepath.Join(dir, name), 0o700), os.WriteFile(filepath.Join(dir, name, "rules.yaml"), []byte(oneRule(topic)), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	version("..1", "a")
	if err := errors.Join(os.Symlink("..1", filepath.Join(dir, "..data")), os.Symlink(filepath.Join("..data", "rules.yaml"), filepath.Join(dir, "rules.yaml"))); err != nil {
		t.Fatal(err)
	}
	byFolder, byFile := watchRules(t, dir), watchRules(t, filepath.Join(dir, "rules.yaml"))
	version("..2", "b")
	if err := errors.Join(os.Symlink("..2", filepath.Join(dir, "..new")), os.Rename(filepath.Join(dir, "..new"), filepath.Join(dir, "..data"))); err != nil {
		t.Fatal(err)
	}
	byFolder.await(t, "b")
	byFile.await(t, "b")
}

func TestStartsOfSources(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		source *rules.Source
		want   engine.Start
	}{
		{&rules.Source{}, engine.Start{At: engine.AtEnd}},
		{&rules.Source{From: rules.Start{Earliest: true}, Silent: true}, engine.Start{At: engine.AtOldest, Silent: true}},
		{&rules.Source{From: rules.Start{At: now.Add(-time.Hour)}}, engine.Start{At: engine.AtTime, Time: now.Add(-time.Hour)}},
		{&rules.Source{From: rules.Start{Back: 72 * time.Hour}}, engine.Start{At: engine.AtTime, Time: now.Add(-72 * time.Hour)}},
	} {
		if got := startOf(tt.source, now); got != tt.want {
			t.Errorf("%v starts at %v, want %v", tt.source.From, got, tt.want)
		}
	}
}
