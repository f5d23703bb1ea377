package rules

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"go.yaml.in/yaml/v3"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/sources/yamlfile"
)

// sourceReader reads the names and rules of one source.
type sourceReader struct {
	*yamlfile.File
	loader   *loader
	source   *Source
	language *language
}

// reserved are the words that CEL keeps for itself.
func reserved() []string {
	return []string{"as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop", "namespace", "null", "package", "return", "true", "var", "void", "while"}
}

func (r *sourceReader) lets(n *yaml.Node, path string) {
	for _, e := range r.Entries(n, path, "a mapping of names to expressions, such as \"order: event.payload\"") {
		at := yamlfile.Join(path, e.Name)
		switch {
		case !identifier.MatchString(e.Name) || slices.Contains(reserved(), e.Name):
			r.Wrong(e.Key, at, "%.80q is not a valid name; use letters, digits and _, and none of CEL's own words", e.Name)
			continue
		case slices.Contains(r.language.names, e.Name):
			r.Wrong(e.Key, at, "%q is there already; choose another name", e.Name)
			continue
		}
		compiled := r.expression(e.Value, at, anything, true)
		if compiled == nil {
			// The expressions that use the name are not to blame.
			compiled = &expression{typ: cel.DynType}
		}
		if err := r.language.define(e.Name, compiled.typ); err != nil {
			r.Wrong(e.Key, at, "%v; choose another name", err)
			continue
		}
		r.source.lets = append(r.source.lets, letName{e.Name, compiled})
	}
}

// expression compiles a CEL expression, nil if it is wrong.
func (r *sourceReader) expression(n *yaml.Node, path string, s shape, written bool) *expression {
	if n.Kind != yaml.ScalarNode || yamlfile.IsNull(n) {
		r.Wrong(n, path, `must be a CEL expression in one text; a list is written within it: "[order.a, order.b]"`)
		return nil
	}
	compiled, issues := r.language.compile(n.Value, written)
	if len(issues) > 0 {
		for _, i := range issues {
			line, column := r.Place(n, i.line, i.column)
			r.WrongAt(line, column, path, "%s", i.text)
		}
		return nil
	}
	if problem := s.mismatch(compiled.typ); problem != "" {
		r.Wrong(n, path, "%s", problem)
		return nil
	}
	return compiled
}

// template compiles a text with ${...}, nil if it is wrong. Whole: a text that
// is one value alone keeps the value's type.
func (r *sourceReader) template(n *yaml.Node, path string, whole bool) *template {
	text, ok := r.Text(n, path)
	if !ok {
		return nil
	}
	texts, pieces, unclosed := splitTemplate(text)
	if unclosed >= 0 {
		line, column := position(text, unclosed)
		line, column = r.Place(n, line, column)
		r.WrongAt(line, column, path, "this ${ is not closed; add a }, or write $${ for the characters themselves")
		return nil
	}
	t := &template{source: text, texts: texts}
	good := true
	for _, p := range pieces {
		compiled, issues := r.language.compile(p.text, true)
		line, column := position(text, p.at)
		for _, i := range issues {
			good = false
			at := i.column
			if i.line == 0 {
				at += column
			}
			l, c := r.Place(n, line+i.line, at)
			r.WrongAt(l, c, path, "%s", i.text)
		}
		if compiled == nil {
			continue
		}
		t.values = append(t.values, compiled)
		if whole && t.whole() != nil && len(pieces) == 1 {
			continue
		}
		if problem := writable.mismatch(compiled.typ); problem != "" {
			good = false
			l, c := r.Place(n, line, column)
			r.WrongAt(l, c, path, "%s", problem)
		}
	}
	if !good {
		return nil
	}
	return t
}

// position is the line and column, from 0, of a byte of a text.
func position(text string, at int) (line, column int) {
	before := text[:at]
	line = strings.Count(before, "\n")
	return line, utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
}

// languages reads a text or a mapping of language to text.
func (r *sourceReader) languages(n *yaml.Node, path string) []languageText {
	if n.Kind == yaml.ScalarNode {
		if t := r.template(n, path, false); t != nil {
			return []languageText{{"", t}}
		}
		return nil
	}
	var out []languageText
	for _, e := range r.Entries(n, path, "a text or a mapping of language to text, such as {en: \"Hello\", ko: \"안녕\"}") {
		at := yamlfile.Join(path, e.Name)
		probe := belfry.Notification{Recipient: anybody, Title: belfry.Text{e.Name: "x"}}
		if err := probe.Check(); err != nil || e.Name == "" {
			r.Wrong(e.Key, at, "%.40q is not a language tag; write one such as \"en\", \"ko\" or \"pt-BR\"", e.Name)
			continue
		}
		if yamlfile.IsNull(e.Value) {
			r.Wrong(e.Value, at, "has no value; give one or remove the line")
			continue
		}
		if t := r.template(e.Value, at, false); t != nil {
			out = append(out, languageText{e.Name, t})
		}
	}
	return out
}

// data reads a part of a rule's data, of which every text may have values. It is
// not ok if it is wrong.
func (r *sourceReader) data(n *yaml.Node, path string) (part any, ok bool) {
	switch n.Kind {
	case yaml.MappingNode:
		d := dataObject{}
		for _, e := range r.Entries(n, path, "an object") {
			if value, ok := r.data(e.Value, yamlfile.Join(path, e.Name)); ok {
				d = append(d, dataField{e.Name, value})
			}
		}
		return d, true
	case yaml.SequenceNode:
		d := dataList{}
		for i, c := range n.Content {
			if value, ok := r.data(c, fmt.Sprintf("%s[%d]", path, i)); ok {
				d = append(d, value)
			}
		}
		return d, true
	}
	switch n.ShortTag() {
	case "!!null":
		return nil, true
	case "!!bool":
		return strings.EqualFold(n.Value, "true"), true
	case "!!int", "!!float":
		if !json.Valid([]byte(n.Value)) {
			r.Wrong(n, path, "%.40q is not a number in JSON; write it as digits, or in quotes as a text", n.Value)
			return nil, false
		}
		return json.Number(n.Value), true
	}
	t := r.template(n, path, true)
	return t, t != nil
}

// constants checks what a rule says of every event, and reports each field that
// is wrong with it. Nodes has those of the fields.
func (r *sourceReader) constants(n belfry.Notification, nodes map[string]*yaml.Node, path string) {
	n.Recipient = anybody
	if len(n.Title) == 0 {
		n.Title = belfry.PlainText("x")
	}
	for range 20 { // more than there are fields
		err := n.Check()
		var fe *belfry.FieldError
		if !errors.As(err, &fe) {
			return
		}
		field := fe.Field
		node, ok := nodes[field]
		if !ok {
			field, _, _ = strings.Cut(field, ".")
			node, ok = nodes[field]
		}
		if !ok {
			return
		}
		r.Wrong(node, yamlfile.Join(path, fe.Field), "%s", fe.Problem)
		switch field {
		case "title":
			n.Title = belfry.PlainText("x")
		case "body":
			n.Body = nil
		case "data":
			n.Data = nil
		default:
			_ = setText(&n, fe.Field, "") // an empty one is right
		}
	}
}
