package node

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/processors"
	"github.com/belfry/belfry/sources/rules"
)

// rulesPoll is the time between two looks at the rules' files. They are read,
// not watched: that also sees a Kubernetes ConfigMap, whose files are links to
// links that are swapped, and files on a network's disk.
const rulesPoll = time.Second

// maxRulesFile is how much of a file tells that it has changed; rules.Load
// takes no larger ones.
const maxRulesFile = 16 << 20

// Rules is what a node needs of rules.
type Rules struct {
	path    string
	print   string     // fingerprint from before loaded was read
	loaded  *rules.Set // at start
	load    func() (*rules.Set, error)
	hangups func() (signals <-chan os.Signal, stop func()) // nil: none
}

// LoadRules reads the rules of a file or folder as a node needs them. Hangups,
// which may be nil, has SIGHUP reach the node until stop is called.
func LoadRules(path string, load func() (*rules.Set, error), hangups func() (signals <-chan os.Signal, stop func())) (*Rules, error) {
	before := fingerprint(path)
	loaded, err := load()
	if err != nil {
		return nil, err
	}
	return &Rules{path: path, print: before, loaded: loaded, load: load, hangups: hangups}, nil
}

// rulesWatch gives routers new rules when their files change or on SIGHUP. What
// is wrong with new ones is logged, and the old ones stay.
type rulesWatch struct {
	Rules
	set  func([]processors.Source)
	log  *slog.Logger
	poll time.Duration

	mu   sync.Mutex
	hash string    // of what is in force
	ok   bool      // the last attempt succeeded
	at   time.Time // of the last success
}

// newRulesWatch puts the rules that were loaded at start in force.
func newRulesWatch(cfg Rules, set func([]processors.Source), log *slog.Logger) *rulesWatch {
	w := &rulesWatch{Rules: cfg, set: set, log: log.With("component", "rules"), poll: rulesPoll}
	w.apply(cfg.loaded)
	return w
}

func (w *rulesWatch) apply(rules *rules.Set) {
	w.set(routedSources(rules))
	w.log.Info("rules loaded", "path", w.path, "hash", rules.Hash(), "sources", len(rules.Sources()))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hash, w.ok, w.at = rules.Hash(), true, time.Now()
}

// Run watches until ctx ends; its error is nil.
func (w *rulesWatch) Run(ctx context.Context) error {
	var signals <-chan os.Signal
	if w.hangups != nil {
		var stop func()
		signals, stop = w.hangups()
		defer stop()
	}
	tick := time.NewTicker(w.poll)
	defer tick.Stop()
	seen, tried := w.print, w.print
	for {
		select {
		case <-tick.C:
			// Twice the same: whoever writes it has done so.
			now := fingerprint(w.path)
			settled := now == seen
			seen = now
			if !settled || now == tried {
				continue
			}
			tried = now
		case <-signals:
			seen = fingerprint(w.path)
			tried = seen
		case <-ctx.Done():
			return nil
		}
		w.reload()
	}
}

func (w *rulesWatch) reload() {
	rules, err := w.load()
	if err != nil {
		w.log.Error("rules not reloaded, the former ones stay", "path", w.path, "err", err)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.ok = false
		return
	}
	w.apply(rules)
}

// fingerprint tells contents of a file, or of the rules files of a folder,
// apart. A file that cannot be read counts as a content, too.
func fingerprint(path string) string {
	files := []string{path}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		// The error is for a malformed pattern.
		files, _ = filepath.Glob(filepath.Join(path, "*.y*ml"))
	}
	sum := sha256.New()
	for _, name := range files {
		fmt.Fprintf(sum, "%q ", name)
		if err := hashFile(sum, name); err != nil {
			fmt.Fprintf(sum, "%v", err)
		}
	}
	return string(sum.Sum(nil))
}

func hashFile(w io.Writer, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, io.LimitReader(f, maxRulesFile))
	return err
}

// routedSources are the sources of rules for routers.
func routedSources(rules *rules.Set) []processors.Source {
	var out []processors.Source
	for _, s := range rules.Sources() {
		out = append(out, processors.Source{
			Topic: s.Topic, Pattern: s.Pattern, Matches: s.Matches, Rules: s,
			Start: func(now time.Time) engine.Start { return startOf(s, now) },
		})
	}
	return out
}

func startOf(s *rules.Source, now time.Time) engine.Start {
	start := engine.Start{At: engine.AtEnd, Silent: s.Silent}
	if s.From.Earliest {
		start.At = engine.AtOldest
	}
	if since, ok := s.From.Since(now); ok {
		start.At, start.Time = engine.AtTime, since
	}
	return start
}

// Describe implements prometheus.Collector. It describes nothing, since the hash
// changes.
func (w *rulesWatch) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (w *rulesWatch) Collect(out chan<- prometheus.Metric) {
	w.mu.Lock()
	defer w.mu.Unlock()
	gauge := func(name, help string, value float64, labels prometheus.Labels) {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, labels), prometheus.GaugeValue, value)
	}
	gauge("belfry_rules_loaded_info", "The rules in force, by the hash of their text.", 1, prometheus.Labels{"hash": w.hash})
	gauge("belfry_rules_last_reload_successful", "1 if the last attempt to load the rules succeeded.", asNumber(w.ok), nil)
	gauge("belfry_rules_last_reload_success_timestamp_seconds", "When rules were last loaded.", float64(w.at.UnixMilli())/1000, nil)
}
