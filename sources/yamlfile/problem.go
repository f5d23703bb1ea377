package yamlfile

import (
	"fmt"
	"strings"

	"github.com/belfry/belfry"
)

// Problem is one thing wrong with a file.
type Problem struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"` // from 1; 0: the file as a whole
	Column int    `json:"column,omitempty"`
	Field  string `json:"field,omitempty"` // the path, e.g. sources[0].rules[order-received].title.en
	Text   string `json:"problem"`         // what is wrong, and how to fix it
}

// String returns "file:line:column: field: problem".
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	b.WriteString(": ")
	if p.Field != "" {
		b.WriteString(p.Field + ": ")
	}
	b.WriteString(p.Text)
	return b.String()
}

// Error is all that is wrong with files. It matches [belfry.ErrInvalid].
type Error struct {
	Problems []Problem // in the order of the files and lines; at least one
}

// Error returns one line for each problem.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Is reports whether target is [belfry.ErrInvalid].
func (e *Error) Is(target error) bool { return target == belfry.ErrInvalid }
