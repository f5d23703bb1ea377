package letter_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/senders/mail/letter"
	"github.com/belfry/belfry/sources/yamlfile"
)

func TestTemplatesAreChecked(t *testing.T) {
	for _, tt := range []struct{ name, file, text, want string }{
		{"a field that there is not", "letter.txt", "{{.Summary}}\n{{.Subjet}}\n{{range .Leave}}{{.URL}}{{end}}", "letter.txt:2:1: <.Subjet>: can't evaluate field Subjet"},
		{"a field of an item", "letter.html", "{{range .Groups}}\n{{range .Items}}\n{{.Tilte}}{{end}}{{end}}{{range .Leave}}{{.URL}}{{end}}", "letter.html:3:1: <.Tilte>: can't evaluate field Tilte"},
		{"no end", "letter.html", "<p>\n{{if .Home}}\n", "letter.html:3:1: unexpected EOF"},
		{"an unknown function", "letter.txt", "x\n\n{{upper .Subject}}", `letter.txt:3:1: function "upper" not defined`},
		{"HTML that cannot be escaped", "letter.html", "<p>\n{{if .Home}}<a href='{{end}}\n{{range .Leave}}{{.URL}}{{end}}", "letter.html:"},
		{"no link to leave", "letter.html", "<h1>{{.Summary}}</h1>", "letter.html: has no link to leave; range over .Leave"},
		{"a link to leave in a letter of one item alone", "letter.txt", "{{if eq .Total 1}}{{range .Leave}}{{.URL}}{{end}}{{end}}", "letter.txt: has no link to leave"},
		{"a link to leave in a letter of many alone", "letter.txt", "{{if .More}}{{range .Leave}}{{.URL}}{{end}}{{end}}", "letter.txt: has no link to leave"},
		{"an index", "letter.txt", "{{(index .Leave 0).URL}}", "letter.txt:1:1: "},
		{"another file", "readme.md", "x", "readme.md: is no file of templates"},
		{"no language", "letter.deutsch-x.html", "x", "is no language"},
		{"a language without words", "letter.de.html", "{{range .Leave}}{{.URL}}{{end}}", "letter.de.html: there are no words of this language; add de.yaml"},
		{"a name", "english!.yaml", "urgent: x", "english!.yaml: its name is no language"},
		{"an unknown word", "en.yaml", "urgent: Now\nurgnet: Now\n", `en.yaml:2:1: urgnet: unknown field; the nearest known one is "urgent"`},
		{"words that are missing", "de.yaml", "urgent: Dringend\n", "de.yaml:1:1: direction, today, day, comma, and, uncategorized, read, inbox, reason, leave, leave_category, and_more, waits, notifications, more: missing; a language that is not built in needs all words"},
		{"a number that is missing", "en.yaml", "categories:\n  board: {name: Board, count: {other: posts}}\n", "en.yaml:2:39: categories.board.count.other: lacks {n}"},
		{"something else in braces", "en.yaml", "reason: \"Hi {name}\"\n", "en.yaml:1:9: reason: has {name}, which nothing is put in for"},
		{"something else in the braces of a form", "en.yaml", "more: {other: \"{n} and {count}\"}\n", "en.yaml:1:15: more.other: has {count}, which nothing is put in for"},
		{"a form", "en.yaml", "more: {several: \"{n}\", other: \"{n}\"}\n", "en.yaml:1:8: more.several: is no form of a number"},
		{"no other", "en.yaml", "more: {one: \"{n}\"}\n", "en.yaml:1:7: more: lacks other"},
		{"a direction", "en.yaml", "direction: left\n", "en.yaml:1:12: direction: must be ltr or rtl"},
		{"two lines", "en.yaml", "reason: \"a\\nb\"\n", "en.yaml:1:9: reason: must be one line"},
		{"not YAML", "ko.yaml", "urgent: [\n", "ko.yaml:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, tt.file), []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := letter.Load(dir)
			var wrong *yamlfile.Error
			if !errors.As(err, &wrong) || !errors.Is(err, belfry.ErrInvalid) || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), dir) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	if _, err := letter.Load(t.TempDir()); err == nil || !strings.Contains(err.Error(), "holds no templates") {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := letter.Load(filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "none: no such file") {
		t.Errorf("a folder that is not there: %v", err)
	}
}

func TestTemplatesOfOne(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"en.yaml":       "categories:\n  hr.vote: {name: Votes, count: {one: \"one vote\", other: \"{n} votes\"}}\n",
		"letter.ko.txt": "{{.Subject}}|{{range .Leave}}{{.URL}}{{end}}",
		".hidden":       "x",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	templates := load(t, dir)
	vote := belfry.Notification{Category: "hr.vote", Title: belfry.PlainText("Vote")}
	c := config(t)
	c.Content = letter.None
	for want, m := range map[string]int{"one vote waits for you": 1, "2 votes wait for you": 2} {
		if l := write(t, templates, c, message("en", []belfry.Notification{vote, vote}[:m]...)); l.Subject != want {
			t.Errorf("the subject is %q, want %q", l.Subject, want)
		}
	}
	if l := write(t, templates, c, message("ko", vote)); !strings.HasPrefix(l.Text, l.Subject+"|https://") || !strings.Contains(l.HTML, "<html") {
		t.Errorf("the Korean letter is %q", l.Text)
	}
}
