package docker_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestHandbookLinks has every link of docs/operations.md lead somewhere, and
// every file of figures that it cites be there.
func TestHandbookLinks(t *testing.T) {
	raw, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	anchors := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(text, -1) {
		anchors[strings.ReplaceAll(strings.ToLower(m[1]), " ", "-")] = true
	}
	links := regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(text, -1)
	if len(links) < 10 {
		t.Fatalf("got %d links", len(links))
	}
	for _, m := range links {
		target, anchor, _ := strings.Cut(m[1], "#")
		switch {
		case strings.Contains(target, "://"):
		case target == "":
			if !anchors[anchor] {
				t.Errorf("no section #%s", anchor)
			}
		default:
			if _, err := os.Stat(filepath.Join("../docs", target)); err != nil {
				t.Error(err)
			}
		}
	}
	for _, m := range regexp.MustCompile("`([a-z0-9-]+\\.txt)`").FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join("../docs/bench", m[1])); err != nil {
			t.Error(err)
		}
	}
	for _, m := range regexp.MustCompile("`((?:cmd|engine|docker|codec)/[a-zA-Z0-9_./-]+)`").FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join("..", m[1])); err != nil {
			t.Error(err)
		}
	}
}

// TestHandbookFigures has the figures of "Sizing" be those of the files that
// they are from.
func TestHandbookFigures(t *testing.T) {
	read := func(path string) string {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	handbook := read("../docs/operations.md")
	for _, f := range []struct{ figure, file, there string }{
		{"85,494 a second, 20.7 s", "peers.txt", "| belfry, from notifications | 85494 (81967–86060) | 20.7 (20.6–21.7) |"},
		{"111,584 a second, 14.3 s a million", "catchup.txt", "belfry: steady 111584/s, 14.3 CPU-s a million"},
		{"59,083, 26.9 s", "catchup.txt", "belfry: steady 59083/s, 26.9 CPU-s a million"},
		{"2.3 to 2.6 KiB", "stream.txt", "2.55 KiB resident each"},
		{"16 · 19 KiB", "stream-tls.txt", "15.87 KiB resident each"},
		{"16 · 19 KiB", "stream-h2c.txt", "19.07 KiB resident each"},
		{"3.7 % of a core", "stream.txt", "10000 idle streams over 20s: 3.65 % of a processor"},
		{"0.26 to 0.65 ms", "stream.txt", "258 CPU-us an event"},
		{"24 to 32 µs", "poll.txt", "24.0 CPU-us each"},
		{"24 to 32 µs", "poll.txt", "32.4 CPU-us each"},
		{"132 bytes with 10 items, 1,124 with 100", "poll.txt", "100 items each, rows of 1124 bytes"},
		{"ready after 5.95 s · 0.84 s; 280 · 54 MiB", "restart.txt", "belfry, processor, empty state: 5.95 s, 5.74 s, 6.21 s, median 5.95 s, 280 MiB resident"},
		{"ready after 9.87 s · 0.25 s; 551 · 51 MiB", "restart.txt", "median 9.87 s, 551 MiB resident"},
		{"after SIGTERM 1.27 s", "gap.txt", "median of 5, belfry; none 0.09 s; join 0.99 s; SIGTERM 1.27 s"},
	} {
		if !strings.Contains(handbook, f.figure) {
			t.Errorf("the handbook lacks %q", f.figure)
		}
		if !strings.Contains(read(filepath.Join("../docs/bench", f.file)), f.there) {
			t.Errorf("docs/bench/%s lacks %q: mend %q in the handbook", f.file, f.there, f.figure)
		}
	}
}
