package rules

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/belfry/belfry"
)

// template is a text in which ${...} stand for values.
type template struct {
	source string // as it stands in the file
	// parts alternate: texts has one element more than values.
	texts  []string
	values []*expression
}

// constant returns the text of a template that has no values.
func (t *template) constant() (string, bool) {
	if t == nil {
		return "", true
	}
	if len(t.values) > 0 {
		return "", false
	}
	return t.texts[0], true
}

// whole is the only value of a template that consists of one and nothing else.
func (t *template) whole() *expression {
	if len(t.values) == 1 && t.texts[0] == "" && t.texts[1] == "" {
		return t.values[0]
	}
	return nil
}

// render fills the template in. A template that is nothing but an optional that
// is absent is an empty text.
func (t *template) render(v *variables) (string, error) {
	if text, ok := t.constant(); ok {
		return text, nil
	}
	if e := t.whole(); e != nil {
		value, err := e.value(v)
		if err != nil || isAbsent(value) {
			return "", err
		}
		return textOf(value)
	}
	var b strings.Builder
	for i, e := range t.values {
		b.WriteString(t.texts[i])
		value, err := e.value(v)
		if err != nil {
			return "", err
		}
		text, err := textOf(value)
		if err != nil {
			return "", err
		}
		if b.WriteString(text); b.Len() > belfry.MaxItemBytes {
			return "", &belfry.FieldError{TooLarge: true, Problem: fmt.Sprintf("must be at most %d bytes, as an item is with all its texts", belfry.MaxItemBytes)}
		}
	}
	b.WriteString(t.texts[len(t.values)])
	return b.String(), nil
}

// piece is an expression in a text, and where it begins.
type piece struct {
	text string
	at   int // in bytes
}

// splitTemplate cuts a text at its ${...}; "$${" is a literal "${". There is
// one text more than pieces. Unclosed is where a ${ begins that has no end, -1
// if all have.
func splitTemplate(s string) (texts []string, pieces []piece, unclosed int) {
	var b strings.Builder
	for i := 0; i < len(s); {
		switch {
		case strings.HasPrefix(s[i:], "$${"):
			b.WriteString("${")
			i += 3
		case strings.HasPrefix(s[i:], "${"):
			n := expressionEnd(s[i+2:])
			if n < 0 {
				return nil, nil, i
			}
			texts = append(texts, b.String())
			b.Reset()
			pieces = append(pieces, piece{s[i+2 : i+2+n], i + 2})
			i += 2 + n + 1
		default:
			b.WriteByte(s[i])
			i++
		}
	}
	return append(texts, b.String()), pieces, -1
}

// expressionEnd is where the } stands that ends the expression s begins with:
// not one of a map or in a text. It returns -1 if there is none.
func expressionEnd(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth == 0 {
				return i
			}
			depth--
		case '"', '\'':
			raw := i > 0 && (s[i-1] == 'r' || s[i-1] == 'R') && (i == 1 || !identifier.MatchString(s[i-2:i-1]))
			n := literalEnd(s[i:], raw)
			if n < 0 {
				return -1
			}
			i += n - 1
		}
	}
	return -1
}

// literalEnd is the length of the CEL string literal that s begins with, or -1
// if it has no end.
func literalEnd(s string, raw bool) int {
	quote := s[:1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(s, triple) {
		quote = triple
	}
	for i := len(quote); i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], quote):
			return i + len(quote)
		case s[i] == '\\' && !raw:
			i++
		}
	}
	return -1
}

// identifier is the shape of a name in CEL.
var identifier = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
