package rules

import (
	"fmt"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/sources/yamlfile"
)

// Problem is one thing wrong with a rules file.
type Problem = yamlfile.Problem

// LoadError is all that is wrong with the rules. It matches [belfry.ErrInvalid].
type LoadError = yamlfile.Error

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
