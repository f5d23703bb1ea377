package letter

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"

	"github.com/belfry/belfry/sources/yamlfile"
)

// Words are what a letter says around its items, in one language.
type Words struct {
	Direction     string // ltr or rtl
	Uncategorized string // heads items without a category
	Urgent        string
	Read          string // names the link that marks an item as read
	Inbox         string // names the link to all items
	Reason        string // why the letter came
	Leave         string // names the link to what the user gets by mail

	tag           language.Tag
	today, day    string // layouts of times
	comma, and    string
	leaveCategory string // with {what}
	andMore       forms  // ends a list, with {n}
	waits         forms  // with {what}
	notifications forms  // with {n}
	more          forms  // with {n}
	categories    map[string]category
}

// category names one of the installation's.
type category struct {
	name  string
	count forms // with {n}
}

// forms are a text for each plural form of a language.
type forms map[plural.Form]string

var formNames = map[string]plural.Form{
	"zero": plural.Zero, "one": plural.One, "two": plural.Two, "few": plural.Few, "many": plural.Many, "other": plural.Other,
}

// say returns the form for a number, with what stands in braces filled in.
func (w *Words) say(f forms, n int, what string) string {
	text, ok := f[plural.Cardinal.MatchPlural(w.tag, n, 0, 0, 0, 0)]
	if !ok {
		text = f[plural.Other]
	}
	return strings.NewReplacer("{n}", strconv.Itoa(n), "{what}", what).Replace(text)
}

// name is what users know a category by.
func (w *Words) name(id string) string {
	if c, ok := w.categories[id]; ok {
		return c.name
	}
	return cmp.Or(line(id, maxName), w.Uncategorized)
}

// at writes a time for who reads it at now.
func (w *Words) at(t, now time.Time) string {
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format(w.today)
	}
	return t.Format(w.day)
}

// reader reads a file of words.
type reader struct {
	*yamlfile.File
	words *Words
}

// texts are the fields that are one text, with where it goes and what must be in it.
func (w *Words) texts() []field[string] {
	return []field[string]{
		{"direction", &w.Direction, ""}, {"today", &w.today, ""}, {"day", &w.day, ""},
		{"comma", &w.comma, ""}, {"and", &w.and, ""}, {"uncategorized", &w.Uncategorized, ""}, {"urgent", &w.Urgent, ""},
		{"read", &w.Read, ""}, {"inbox", &w.Inbox, ""}, {"reason", &w.Reason, ""}, {"leave", &w.Leave, ""},
		{"leave_category", &w.leaveCategory, "{what}"},
	}
}

// counted are the fields that have a form for each number.
func (w *Words) counted() []field[forms] {
	return []field[forms]{
		{"and_more", &w.andMore, "{n}"}, {"waits", &w.waits, "{what}"}, {"notifications", &w.notifications, ""}, {"more", &w.more, "{n}"},
	}
}

type field[T any] struct {
	name string
	to   *T
	has  string
}

// parseWords reads words of a language on top of those that there are, of which a file
// need not repeat any. Problems are added to f.
func parseWords(f *yamlfile.File, text string, tag language.Tag, on *Words) *Words {
	w := &Words{tag: tag}
	if on != nil {
		copied := *on
		w = &copied
	}
	r := reader{f, w}
	root := f.Parse(text, `write words, such as categories: {approval: {name: Approvals, count: {one: "{n} approval", other: "{n} approvals"}}}`)
	if root == nil {
		return w
	}
	known := []string{"categories"}
	for _, t := range w.texts() {
		known = append(known, t.name)
	}
	for _, c := range w.counted() {
		known = append(known, c.name)
	}
	fields := f.Fields(root, "", "a mapping of words", known...)
	if root.Kind != yaml.MappingNode {
		return w
	}
	var missing []string
	for _, t := range w.texts() {
		if n, ok := fields[t.name]; ok {
			*t.to = r.text(n, t.name, t.has)
		} else if *t.to == "" {
			missing = append(missing, t.name)
		}
	}
	for _, c := range w.counted() {
		if n, ok := fields[c.name]; ok {
			*c.to = r.forms(n, c.name, c.has)
		} else if len(*c.to) == 0 {
			missing = append(missing, c.name)
		}
	}
	if len(missing) > 0 {
		f.Wrong(root, "", "%s: missing; a language that is not built in needs all words, see docs/letters.md", strings.Join(missing, ", "))
	}
	if n, ok := fields["direction"]; ok && w.Direction != "ltr" && w.Direction != "rtl" {
		f.Wrong(n, "direction", "must be ltr or rtl, not %.20q", w.Direction)
	}
	if n, ok := fields["categories"]; ok {
		r.categories(n)
	}
	return w
}

func (r reader) text(n *yaml.Node, path, has string, fills ...string) string {
	text, ok := r.Text(n, path)
	switch {
	case !ok:
	case strings.TrimSpace(text) == "" && path != "comma" && path != "and":
		r.Wrong(n, path, "is empty; write a text")
	case len(text) > maxWord:
		r.Wrong(n, path, "has %d bytes, %d at the most", len(text), maxWord)
	case line(text, maxWord) != strings.TrimSpace(text):
		r.Wrong(n, path, "must be one line without control characters")
	case !strings.Contains(text, has):
		r.Wrong(n, path, "lacks %s, for which it is put in", has)
	default:
		for _, braces := range bracesPattern.FindAllString(text, -1) {
			if braces != has && !slices.Contains(fills, braces) {
				r.Wrong(n, path, "has %.40s, which nothing is put in for", braces)
			}
		}
	}
	return text
}

var bracesPattern = regexp.MustCompile(`\{[^{}]*\}`)

func (r reader) forms(n *yaml.Node, path, has string) forms {
	out := forms{}
	for _, e := range r.Entries(n, path, `a mapping of forms, such as {one: "…", other: "…"}`) {
		form, ok := formNames[e.Name]
		if !ok {
			r.Wrong(e.Key, yamlfile.Join(path, e.Name), "is no form of a number; there are zero, one, two, few, many and other")
			continue
		}
		if form != plural.Other && form != plural.One && form != plural.Two && form != plural.Zero || has != "{n}" {
			out[form] = r.text(e.Value, yamlfile.Join(path, e.Name), has, "{n}", "{what}")
			continue
		}
		must := has
		if form != plural.Other {
			must = "" // "one post" says the number
		}
		out[form] = r.text(e.Value, yamlfile.Join(path, e.Name), must, "{n}", "{what}")
	}
	if _, ok := out[plural.Other]; !ok && n.Kind == yaml.MappingNode {
		r.Wrong(n, path, "lacks other, the form of all numbers that no other form is for")
	}
	return out
}

func (r reader) categories(n *yaml.Node) {
	merged := map[string]category{}
	maps.Copy(merged, r.words.categories)
	for _, e := range r.Entries(n, "categories", "a mapping of categories to their names") {
		path := yamlfile.Join("categories", e.Name)
		fields := r.Fields(e.Value, path, `a mapping such as {name: Approvals, count: {one: "{n} approval", other: "{n} approvals"}}`, "name", "count")
		if e.Value.Kind != yaml.MappingNode {
			continue
		}
		var c category
		for _, name := range []string{"name", "count"} {
			v, ok := fields[name]
			switch {
			case !ok:
				r.Wrong(e.Value, yamlfile.Join(path, name), "is missing")
			case name == "name":
				c.name = r.text(v, yamlfile.Join(path, name), "")
			default:
				c.count = r.forms(v, yamlfile.Join(path, name), "{n}")
			}
		}
		merged[e.Name] = c
	}
	r.words.categories = merged
}

// list joins counts, and how many more there are.
func (w *Words) list(parts []string, more int) string {
	if more > 0 {
		return strings.Join(parts, w.comma) + w.say(w.andMore, more, "")
	}
	if n := len(parts); n > 1 {
		return strings.Join(parts[:n-1], w.comma) + w.and + parts[n-1]
	}
	return strings.Join(parts, "")
}

// mostNamed is how many categories a summary names.
const mostNamed = 2

// summary says what waits, by category as far as those have names.
func (w *Words) summary(groups []counted, total int) string {
	var parts []string
	rest := total
	for _, g := range groups {
		if c, ok := w.categories[g.category]; ok && len(parts) < mostNamed {
			parts = append(parts, w.say(c.count, g.n, ""))
			rest -= g.n
		}
	}
	what := w.say(w.notifications, total, "")
	if len(parts) > 0 {
		what = w.list(parts, rest)
	}
	return w.say(w.waits, total, what)
}

// counted is how many items of a category there are.
type counted struct {
	category string
	n        int
	pressing int // the highest priority of them
}

// find returns the place of a category in groups, which it adds if it is not there.
func find(groups []counted, category string) ([]counted, int) {
	if i := slices.IndexFunc(groups, func(g counted) bool { return g.category == category }); i >= 0 {
		return groups, i
	}
	return append(groups, counted{category: category}), len(groups)
}
