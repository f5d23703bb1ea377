package rules

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/yamlfile"
)

// MaxRecipients is how many recipients one rule may name for one event.
const MaxRecipients = 100_000

// Decoder reads the events that a record carries, the same each time. It
// is safe for concurrent use.
type Decoder interface {
	Decode(context.Context, sources.Record) ([]sources.Event, error)
}

// Options are what rules need beside their text.
type Options struct {
	Decoder  Decoder
	Prefix   belfry.Prefix  // of the topics that no rule may read; belfry.DefaultPrefix if empty
	Location *time.Location // of dates without zone, where a source has no timezone; nil: UTC
}

// Rules say what the records of source topics mean for whom. They are immutable
// and safe for concurrent use.
type Set struct {
	sources []*Source
	hash    string
}

// Load reads a rules file, or all files of a folder that end in .yaml or .yml,
// in the order of their names. Problems in them are a [*LoadError]; any
// other error is that of a file that cannot be read.
func Load(path string, o Options) (*Set, error) {
	files, err := rulesFiles(path)
	if err != nil {
		return nil, err
	}
	texts := make([]namedText, len(files))
	for i, name := range files {
		if texts[i], err = readRules(name); err != nil {
			return nil, err
		}
	}
	if len(texts) == 0 {
		return nil, &LoadError{Problems: []Problem{{File: path, Text: "the folder holds no rules; add a file that ends in .yaml"}}}
	}
	return load(texts, o)
}

// Parse is [Load] for a text; the name is for its problems.
func Parse(name, text string, o Options) (*Set, error) {
	return load([]namedText{{name, text}}, o)
}

type namedText struct{ name, text string }

func readRules(name string) (namedText, error) {
	text, err := yamlfile.Read(name, "rules")
	return namedText{name, text}, err
}

// rulesFiles returns the files that a path stands for. A mounted ConfigMap is a
// folder of links, beside which hidden ones lie.
func rulesFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("find rules: %w", err)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("find rules: %w", err)
	}
	var files []string
	for _, e := range entries {
		ending := filepath.Ext(e.Name())
		if strings.HasPrefix(e.Name(), ".") || ending != ".yaml" && ending != ".yml" {
			continue
		}
		file := filepath.Join(path, e.Name())
		if info, err := os.Stat(file); err != nil {
			return nil, fmt.Errorf("find rules: %w", err)
		} else if !info.IsDir() {
			files = append(files, file)
		}
	}
	return files, nil
}

func load(texts []namedText, o Options) (*Set, error) {
	o.Prefix = cmp.Or(o.Prefix, belfry.DefaultPrefix)
	o.Location = cmp.Or(o.Location, time.UTC)
	l := newLoader(o)
	sum := sha256.New()
	for _, t := range texts {
		for _, text := range l.file(t) {
			io.WriteString(sum, text)
		}
	}
	l.across()
	if problems := l.problems(); len(problems) > 0 {
		return nil, &LoadError{Problems: problems}
	}
	return &Set{l.sources, hex.EncodeToString(sum.Sum(nil)[:16])}, nil
}

// Sources returns all sources in the order of the files.
func (r *Set) Sources() []*Source { return slices.Clone(r.sources) }

// Source returns the source that a topic belongs to: the one that names it, else
// the first whose pattern matches.
func (r *Set) Source(topic string) (*Source, bool) {
	for _, s := range r.sources {
		if s.Topic == topic && s.Matches(topic) {
			return s, true
		}
	}
	for _, s := range r.sources {
		if s.Matches(topic) {
			return s, true
		}
	}
	return nil, false
}

// Hash differs for rules whose texts differ; comments and layout do not count.
func (r *Set) Hash() string { return r.hash }
