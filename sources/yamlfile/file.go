package yamlfile

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/belfry/belfry/sources/rules/advice"
)

// Limits of a file: what is far beyond them is something else, or made to harm.
const (
	maxBytes = 4 << 20
	maxNodes = 200_000
	maxDepth = 100
)

// File is one file that is being read; it collects what is wrong with it. Its methods
// are not safe for concurrent use.
type File struct {
	Name     string
	Problems []Problem // in the order in which they were found

	lines []string
}

// Read returns the text of a file, of 4 MiB at the most. The parameter what says what
// it holds, for its errors.
func Read(name, what string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", fmt.Errorf("open %s: %w", what, err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", what, err)
	}
	if len(raw) > maxBytes {
		return "", fmt.Errorf("read %s: %s is larger than %d bytes", what, name, maxBytes)
	}
	return string(raw), nil
}

// Sort puts the problems in the order of their places.
func (f *File) Sort() {
	slices.SortStableFunc(f.Problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// Wrong adds a problem at a node. The path is that of the field.
func (f *File) Wrong(n *yaml.Node, path, format string, args ...any) {
	f.WrongAt(n.Line, n.Column, path, format, args...)
}

// WrongAt adds a problem at a line and column, both from 1.
func (f *File) WrongAt(line, column int, path, format string, args ...any) {
	f.Problems = append(f.Problems, Problem{File: f.Name, Line: line, Column: column, Field: path, Text: fmt.Sprintf(format, args...)})
}

// Parse returns the only document's top, without aliases, or nil if there is none or it
// is wrong. The parameter fix says what an empty file lacks.
func (f *File) Parse(text, fix string) *yaml.Node {
	f.lines = strings.Split(text, "\n")
	decoder := yaml.NewDecoder(strings.NewReader(text))
	var document, second yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		f.WrongAt(1, 1, "", "holds nothing; %s", fix)
		return nil
	case err != nil:
		f.syntax(text, err)
		return nil
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		if err != nil {
			f.syntax(text, err)
		} else {
			f.Wrong(&second, "", "holds more than one YAML document; put each into a file of its own, in one folder")
		}
		return nil
	}
	budget := maxNodes
	root := f.flatten(document.Content[0], &budget, 0)
	switch {
	case root == nil:
		f.WrongAt(1, 1, "", "is nested too deeply or, with its aliases, too large; write it without aliases")
	case len(f.Problems) > 0:
		return nil
	}
	return root
}

// flatten returns the tree with a copy of its target for each alias, so that
// what follows sees none, or nil for one that is too large or holds itself.
func (f *File) flatten(n *yaml.Node, budget *int, depth int) *yaml.Node {
	*budget--
	if *budget < 0 || depth > maxDepth {
		return nil
	}
	if n.Kind == yaml.AliasNode {
		return f.flatten(n.Alias, budget, depth+1)
	}
	if tag := n.ShortTag(); strings.HasPrefix(tag, "!") && !strings.HasPrefix(tag, "!!") {
		f.Wrong(n, "", "%.80q begins with !, which YAML takes for a tag; put the whole value into quotes", tag)
	}
	out := *n
	out.Content = make([]*yaml.Node, len(n.Content))
	for i, c := range n.Content {
		if out.Content[i] = f.flatten(c, budget, depth+1); out.Content[i] == nil {
			return nil
		}
	}
	return &out
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

func (f *File) syntax(text string, err error) {
	problem := err.Error()
	named := 1
	if m := yamlLine.FindStringSubmatch(problem); m != nil {
		problem = problem[len(m[0]):]
		if n, convErr := strconv.Atoi(m[1]); convErr == nil && n > 0 {
			named = n
		}
	}
	line, column, say := advice.YAML(text, func(text string) bool {
		decoder := yaml.NewDecoder(strings.NewReader(text))
		for {
			var n yaml.Node
			if err := decoder.Decode(&n); err != nil {
				return !errors.Is(err, io.EOF)
			}
		}
	})
	if line == 0 {
		line, column = named, 1
	}
	f.WrongAt(line, column, "", "is not valid YAML: %s; %s", strings.ReplaceAll(problem, "\n", " "), say)
}

// Entry is one field of a mapping.
type Entry struct {
	Name       string
	Key, Value *yaml.Node
}

// Entries returns the fields of a mapping, each once, and reports anything
// else. The parameter what describes the mapping that is expected.
func (f *File) Entries(n *yaml.Node, path, what string) []Entry {
	if n.Kind != yaml.MappingNode {
		f.Wrong(n, path, "must be %s", what)
		return nil
	}
	var out []Entry
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			f.Wrong(key, path, "a field's name must be a text")
			continue
		}
		if first, ok := lines[key.Value]; ok {
			f.Wrong(key, Join(path, key.Value), "given twice, first in line %d; keep one", first)
			continue
		}
		lines[key.Value] = key.Line
		out = append(out, Entry{key.Value, key, value})
	}
	return out
}

// Fields returns the fields of a mapping that may have those alone.
func (f *File) Fields(n *yaml.Node, path, what string, known ...string) map[string]*yaml.Node {
	out := map[string]*yaml.Node{}
	for _, e := range f.Entries(n, path, what) {
		if !slices.Contains(known, e.Name) {
			f.Wrong(e.Key, Join(path, e.Name), "unknown field; the nearest known one is %q", Nearest(e.Name, known))
			continue
		}
		if IsNull(e.Value) {
			f.Wrong(e.Value, Join(path, e.Name), "has no value; give one or remove the line")
			continue
		}
		out[e.Name] = e.Value
	}
	return out
}

// Text returns a scalar as it is written, false if it is none.
func (f *File) Text(n *yaml.Node, path string) (string, bool) {
	if n.Kind != yaml.ScalarNode {
		f.Wrong(n, path, "must be one text, not a list or mapping")
		return "", false
	}
	return n.Value, true
}

// Bool returns true or false, false with a problem for anything else.
func (f *File) Bool(n *yaml.Node, path string) bool {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
		f.Wrong(n, path, "must be true or false")
		return false
	}
	return strings.EqualFold(n.Value, "true")
}

// List returns the elements of a list.
func (f *File) List(n *yaml.Node, path, what string) []*yaml.Node {
	if n.Kind != yaml.SequenceNode {
		f.Wrong(n, path, "must be a list of %s: put \"- \" before each", what)
		return nil
	}
	return n.Content
}

// Place is where a character of a scalar's text stands in the file, as near as
// YAML reports: line and column count from 0 in the text.
func (f *File) Place(n *yaml.Node, line, column int) (int, int) {
	switch {
	case n.Style&yaml.LiteralStyle != 0:
		at, own := n.Line+1+line, strings.Split(n.Value, "\n")
		if at > len(f.lines) || line >= len(own) {
			return n.Line, n.Column
		}
		return at, indent(f.lines[at-1]) - indent(own[line]) + column + 1
	case n.Style&yaml.FoldedStyle != 0 || line > 0:
		return n.Line, n.Column
	case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		return n.Line, n.Column + 1 + column
	}
	return n.Line, n.Column + column
}

// indent is how many blanks a line begins with.
func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// IsNull reports whether a value is null, or not there.
func IsNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// Join adds a name to a path.
func Join(path, name string) string {
	if path == "" || name == "" {
		return path + name
	}
	return path + "." + name
}

// Nearest is the candidate that is nearest to a name. Candidates must not be empty.
func Nearest(name string, candidates []string) string {
	best, _ := advice.Nearest(name, candidates)
	return best
}
