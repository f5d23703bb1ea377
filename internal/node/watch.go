package node

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// watchPoll is the time between two looks at watched files. They are read, not
// watched: that also sees a Kubernetes ConfigMap, whose files are links to
// links that are swapped, and files on a network's disk.
const watchPoll = time.Second

// maxWatched is how much of a file tells that it has changed; what loads them takes
// no larger ones.
const maxWatched = 16 << 20

// Watched is what a node needs of a file, or a folder of files, that is read again when
// it changes.
type Watched[T any] struct {
	path    string
	print   string // fingerprint from before loaded was read
	loaded  T      // at start
	load    func() (T, error)
	hangups func() (signals <-chan os.Signal, stop func()) // nil: none
}

// LoadWatched reads a file or folder. Hangups, which may be nil, has SIGHUP reach the
// node until stop is called.
func LoadWatched[T any](path string, load func() (T, error), hangups func() (signals <-chan os.Signal, stop func())) (*Watched[T], error) {
	before := fingerprint(path)
	loaded, err := load()
	if err != nil {
		return nil, err
	}
	return &Watched[T]{path: path, print: before, loaded: loaded, load: load, hangups: hangups}, nil
}

// Loaded is what the file had when it was loaded.
func (w *Watched[T]) Loaded() T { return w.loaded }

// watch puts what a file has in force, at start, when it changes and on SIGHUP. What
// is wrong with a new one is logged, and the old one stays.
type watch[T any] struct {
	Watched[T]
	what  string // in its metrics: rules or channels
	set   func(T)
	facts func(T) (hash string, more []any)
	lines watchLines
	poll  time.Duration

	mu   sync.Mutex
	hash string    // of what is in force
	ok   bool      // the last attempt succeeded
	at   time.Time // of the last success
}

// watchLines log that something is in force, and that something is not.
type watchLines struct{ loaded, refused func(facts ...any) }

// newWatch puts what was loaded at start in force.
func newWatch[T any](cfg Watched[T], what string, set func(T), facts func(T) (hash string, more []any), lines watchLines) *watch[T] {
	w := &watch[T]{Watched: cfg, what: what, set: set, facts: facts, lines: lines, poll: watchPoll}
	w.apply(cfg.loaded)
	return w
}

func (w *watch[T]) apply(loaded T) {
	w.set(loaded)
	hash, more := w.facts(loaded)
	w.lines.loaded(append([]any{"path", w.path, "hash", hash}, more...)...)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hash, w.ok, w.at = hash, true, time.Now()
}

// Run watches until ctx ends; its error is nil.
func (w *watch[T]) Run(ctx context.Context) error {
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

func (w *watch[T]) reload() {
	loaded, err := w.load()
	if err != nil {
		w.lines.refused("path", w.path, "err", err)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.ok = false
		return
	}
	w.apply(loaded)
}

// fingerprint tells contents of a file, or of the YAML files of a folder,
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
	_, err = io.Copy(w, io.LimitReader(f, maxWatched))
	return err
}

// tell tells what is in force, by its hash, and since when.
func (w *watch[T]) tell(t telling) {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := "belfry_" + w.what
	t.gauge(name+"_loaded_info", "The "+w.what+" in force, by the hash of their text.", 1, "hash", w.hash)
	t.gauge(name+"_last_reload_successful", "1 if the last attempt to load the "+w.what+" succeeded.", asNumber(w.ok))
	t.gauge(name+"_last_reload_success_timestamp_seconds", "When "+w.what+" were last loaded.", float64(w.at.UnixMilli())/1000)
}
