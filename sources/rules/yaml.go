package rules

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/belfry/belfry/sources/rules/advice"
)

// Limits of a rules file: what is far beyond them is something else, or made to
// harm.
const (
	maxRulesBytes = 4 << 20
	maxRulesNodes = 200_000
	maxRulesDepth = 100
)

// rulesFile is one file that is being read; it collects the problems of it.
type rulesFile struct {
	name     string
	lines    []string
	problems []Problem
}

// wrong adds a problem at a node.
func (f *rulesFile) wrong(n *yaml.Node, path, format string, args ...any) {
	f.wrongAt(n.Line, n.Column, path, format, args...)
}

func (f *rulesFile) wrongAt(line, column int, path, format string, args ...any) {
	f.problems = append(f.problems, Problem{File: f.name, Line: line, Column: column, Field: path, Text: fmt.Sprintf(format, args...)})
}

// parse returns the only document's top, nil if there is none or it is wrong.
func (f *rulesFile) parse(text string) *yaml.Node {
	f.lines = strings.Split(text, "\n")
	decoder := yaml.NewDecoder(strings.NewReader(text))
	var document, second yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		f.wrongAt(1, 1, "", "holds nothing; write a list of sources under \"sources:\"")
		return nil
	case err != nil:
		f.syntax(text, err)
		return nil
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		if err != nil {
			f.syntax(text, err)
		} else {
			f.wrong(&second, "", "holds more than one YAML document; put each into a file of its own, in one folder")
		}
		return nil
	}
	budget := maxRulesNodes
	root := f.flatten(document.Content[0], &budget, 0)
	switch {
	case root == nil:
		f.wrongAt(1, 1, "", "is nested too deeply or, with its aliases, too large; write it without aliases")
	case len(f.problems) > 0:
		return nil
	}
	return root
}

// flatten returns the tree with a copy of its target for each alias, so that
// what follows sees none, or nil for one that is too large or holds itself.
func (f *rulesFile) flatten(n *yaml.Node, budget *int, depth int) *yaml.Node {
	*budget--
	if *budget < 0 || depth > maxRulesDepth {
		return nil
	}
	if n.Kind == yaml.AliasNode {
		return f.flatten(n.Alias, budget, depth+1)
	}
	if tag := n.ShortTag(); strings.HasPrefix(tag, "!") && !strings.HasPrefix(tag, "!!") {
		f.wrong(n, "", "%.80q begins with !, which YAML takes for a tag; put the whole value into quotes", tag)
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

func (f *rulesFile) syntax(text string, err error) {
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
	f.wrongAt(line, column, "", "is not valid YAML: %s; %s", strings.ReplaceAll(problem, "\n", " "), say)
}

// entry is one field of a mapping.
type entry struct {
	name       string
	key, value *yaml.Node
}

// entries returns the fields of a mapping, each once, and reports anything
// else. The parameter what describes the mapping that is expected.
func (f *rulesFile) entries(n *yaml.Node, path, what string) []entry {
	if n.Kind != yaml.MappingNode {
		f.wrong(n, path, "must be %s", what)
		return nil
	}
	var out []entry
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			f.wrong(key, path, "a field's name must be a text")
			continue
		}
		if first, ok := lines[key.Value]; ok {
			f.wrong(key, join(path, key.Value), "given twice, first in line %d; keep one", first)
			continue
		}
		lines[key.Value] = key.Line
		out = append(out, entry{key.Value, key, value})
	}
	return out
}

// fields returns the fields of a mapping that may have those alone.
func (f *rulesFile) fields(n *yaml.Node, path, what string, known ...string) map[string]*yaml.Node {
	out := map[string]*yaml.Node{}
	for _, e := range f.entries(n, path, what) {
		if !slices.Contains(known, e.name) {
			f.wrong(e.key, join(path, e.name), "unknown field; the nearest known one is %q", meant(e.name, known))
			continue
		}
		if isNull(e.value) {
			f.wrong(e.value, join(path, e.name), "has no value; give one or remove the line")
			continue
		}
		out[e.name] = e.value
	}
	return out
}

// text returns a scalar as it is written, false if it is none.
func (f *rulesFile) text(n *yaml.Node, path string) (string, bool) {
	if n.Kind != yaml.ScalarNode {
		f.wrong(n, path, "must be one text, not a list or mapping")
		return "", false
	}
	return n.Value, true
}

// boolean returns true or false.
func (f *rulesFile) boolean(n *yaml.Node, path string) bool {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
		f.wrong(n, path, "must be true or false")
		return false
	}
	return strings.EqualFold(n.Value, "true")
}

// list returns the elements of a list.
func (f *rulesFile) list(n *yaml.Node, path, what string) []*yaml.Node {
	if n.Kind != yaml.SequenceNode {
		f.wrong(n, path, "must be a list of %s: put \"- \" before each", what)
		return nil
	}
	return n.Content
}

// place is where a character of a scalar's text stands in the file, as near as
// YAML reports: line and column count from 0 in the text.
func (f *rulesFile) place(n *yaml.Node, line, column int) (int, int) {
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

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

func join(path, name string) string {
	if path == "" || name == "" {
		return path + name
	}
	return path + "." + name
}
