package rules_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/belfry/belfry/sources/rules"
)

func writeRules(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func namesOf(r *rules.Set) []string {
	var names []string
	for _, s := range r.Sources() {
		names = append(names, s.Name())
	}
	return names
}

const (
	rulesA = "sources: [{topic: a, rules: [{name: a, recipients: event.to, title: x}]}]"
	rulesB = "sources: [{topic: b, rules: [{name: b, recipients: event.to, title: x}]}]"
)

func TestLoad(t *testing.T) {
	dir := writeRules(t, map[string]string{"2.yaml": rulesA, "1.yml": rulesB, "3.txt": "no rules", ".4.yaml": "no rules"})
	if err := os.Mkdir(filepath.Join(dir, "5.yaml"), 0o700); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][]string{dir: {"b", "a"}, filepath.Join(dir, "2.yaml"): {"a"}} {
		r, err := rules.Load(path, options())
		if err != nil || !slices.Equal(namesOf(r), want) {
			t.Errorf("%s: got %v, %v, want %v", path, r, err, want)
		}
	}
	if _, err := rules.Load(filepath.Join(dir, "nowhere"), options()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want that nothing is there", err)
	}
	_, err := rules.Load(writeRules(t, nil), options())
	wantProblems(t, err, "the folder holds no rules")
	_, err = rules.Load(writeRules(t, map[string]string{"1.yaml": rulesA, "2.yaml": rulesA, "3.yaml": "a: b"}), options())
	wantProblems(t, err, "2.yaml:1:19: sources[0].topic: \"a\" has a source already", "2.yaml:1:37: sources[0].rules[a].name", "3.yaml:1:1: a: unknown field")
}

func TestSourceOfATopic(t *testing.T) {
	r := parseRules(t, `
sources:
  - {pattern: 'order.*', rules: [{name: a, recipients: event.to, title: x}]}
  - {pattern: 'order-(created|paid)', rules: [{name: b, recipients: event.to, title: x}]}
  - {topic: order-paid, from: 7d, silent: true, timezone: Asia/Seoul, rules: [{name: c, recipients: event.to, title: x}]}
  - {pattern: '.*\.events|belfry.*|_.*', rules: [{name: d, recipients: event.to, title: x}]}
`)
	for topic, want := range map[string]string{
		"order-paid": "order-paid", "order-created": "order.*", "orders": "order.*", "my-order": "", "a.events": `.*\.events|belfry.*|_.*`,
		"belfry.notifications": "", "belfry.journal": "", "belfry-unread-table": "", "belfry.orders": `.*\.events|belfry.*|_.*`, "__consumer_offsets": "", "_a": `.*\.events|belfry.*|_.*`,
	} {
		name := ""
		if s, ok := r.Source(topic); ok {
			name = s.Name()
		}
		if name != want {
			t.Errorf("%s: got %q, want %q", topic, name, want)
		}
	}
	s := sourceOf(t, r, "order-paid")
	if s.From.Back != 7*24*time.Hour || !s.Silent || s.Location.String() != "Asia/Seoul" || s.Line != 5 || !slices.Equal(s.RuleNames(), []string{"c"}) {
		t.Errorf("got %+v", s)
	}
}

func TestHash(t *testing.T) {
	const one = "sources:\n  - topic: a\n    let: {x: event.x, y: event.y}\n    rules:\n      - {name: a, recipients: event.to, title: x}\n"
	rule := func(text string) (hash string, origin uint64) {
		r := parseRules(t, text)
		ds, err := sourceOf(t, r, "a").Route(orderRecord(`{"to":"a"}`))
		if err != nil || len(ds) != 1 {
			t.Fatalf("got %+v, %v", ds, err)
		}
		return r.Hash(), ds[0].Record.Origin.Rule
	}
	hash, origin := rule(one)
	for _, tt := range []struct {
		name, text           string
		sameHash, sameOrigin bool
	}{
		{"comments, order and layout", "# rules\nsources:\n- rules:\n  - title: \"x\" # a title\n    name: a\n    recipients: >-\n      event.to\n  let:\n    x: event.x\n    y: event.y\n  topic: a\n", true, true},
		{"another text", "sources:\n  - topic: a\n    let: {x: event.x, y: event.y}\n    rules:\n      - {name: a, recipients: event.to, title: y}\n", false, false},
		{"another order of let", "sources:\n  - topic: a\n    let: {y: event.y, x: event.x}\n    rules:\n      - {name: a, recipients: event.to, title: x}\n", false, false},
		{"another start", "sources:\n  - topic: a\n    from: earliest\n    let: {x: event.x, y: event.y}\n    rules:\n      - {name: a, recipients: event.to, title: x}\n", false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, o := rule(tt.text)
			if (h == hash) != tt.sameHash || (o == origin) != tt.sameOrigin {
				t.Errorf("got hash %s and origin %d, first %s and %d", h, o, hash, origin)
			}
		})
	}
}

func TestParseStart(t *testing.T) {
	now := time.Date(2026, 2, 8, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		text, want string
		since      time.Time
	}{
		{"latest", "latest", time.Time{}},
		{"earliest", "earliest", time.Time{}},
		{"2026-01-31T18:00:00+09:00", "2026-01-31T09:00:00Z", recordTime},
		{"72h", "3d", now.Add(-72 * time.Hour)},
		{"36h", "36h0m0s", now.Add(-36 * time.Hour)},
		{"7d", "7d", now.Add(-168 * time.Hour)},
	} {
		t.Run(tt.text, func(t *testing.T) {
			s, err := rules.ParseStart(tt.text)
			since, ok := s.Since(now)
			if err != nil || s.String() != tt.want || !since.Equal(tt.since) || ok == tt.since.IsZero() {
				t.Errorf("got %s, %s, %v, %v", s, since, ok, err)
			}
			if again, err := rules.ParseStart(s.String()); err != nil || again != s {
				t.Errorf("read again: %+v, %v", again, err)
			}
		})
	}
	for _, text := range []string{"", "now", "-1h", "0d", "0s", "999999999d", "1.5d", "2026-01-31"} {
		if s, err := rules.ParseStart(text); err == nil {
			t.Errorf("%q: got %s, want an error", text, s)
		}
	}
}
