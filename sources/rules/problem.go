package rules

import (
	"fmt"
	"strings"

	"github.com/belfry/belfry"
)

// Problem is one thing wrong with a rules file.
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

// LoadError is all that is wrong with the rules. It matches [belfry.ErrInvalid].
type LoadError struct {
	Problems []Problem // in the order of the files and lines; at least one
}

// Error returns one line for each problem.
func (e *LoadError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Is reports whether target is [belfry.ErrInvalid].
func (e *LoadError) Is(target error) bool { return target == belfry.ErrInvalid }

// Error is a rule that could not be applied to an event: the whole record
// is set aside. It matches [belfry.ErrInvalid], and [belfry.ErrTooLarge] as well
// if a size limit was met.
type Error struct {
	Rule  string // its name
	Field string // of the rule, e.g. title.en
	Err   error
}

// Error returns "rule NAME: field: problem".
func (e *Error) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("rule %s: %v", e.Rule, e.Err)
	}
	return fmt.Sprintf("rule %s: %s: %v", e.Rule, e.Field, e.Err)
}

// Unwrap returns what went wrong.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is [belfry.ErrInvalid].
func (e *Error) Is(target error) bool { return target == belfry.ErrInvalid }
