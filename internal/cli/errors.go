package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/belfry/belfry"
)

// The exit codes of the program.
const (
	ExitOK      = 0
	ExitFailure = 1 // the call is right; what it needs is not there, is in use or has failed
	ExitUsage   = 2 // a [UsageError]
)

// UsageError says that a flag, variable, setting of a file or argument is not
// valid. It is found before anything outside is asked, so that the same call
// fails everywhere and always.
type UsageError struct{ err error }

func (e *UsageError) Error() string { return e.err.Error() }
func (e *UsageError) Unwrap() error { return e.err }

// Usagef formats a usage error.
func Usagef(format string, args ...any) error {
	return &UsageError{fmt.Errorf(format, args...)}
}

// FlagErrorf is a usage error about the value of one flag.
func FlagErrorf(name, format string, args ...any) error {
	return Usagef("--%s: %w", name, fmt.Errorf(format, args...))
}

// FlagFailuref is an error about what the value of one flag leads to: the value is
// valid, but what it names does not answer, is in use or is not as it must be.
func FlagFailuref(name, format string, args ...any) error {
	return fmt.Errorf("--%s: %w", name, fmt.Errorf(format, args...))
}

// Problem is an error of the domain without its field, which is named as a flag
// here.
func Problem(err error) error {
	if field, ok := errors.AsType[*belfry.FieldError](err); ok {
		return errors.New(field.Problem)
	}
	return err
}

// Lines is the text of an error for the terminal: a line, and further ones if it
// holds an error that has lines of its own, such as one for each topic. None has
// control characters.
func Lines(err error) []string {
	var many interface {
		error
		Lines() []string
	}
	if !errors.As(err, &many) {
		return []string{OneLine(err)}
	}
	before, _, _ := strings.Cut(err.Error(), many.Error())
	lines := slices.Clone(many.Lines())
	lines[0] = before + lines[0]
	for i := range lines {
		lines[i] = OneLine(errors.New(lines[i]))
	}
	return lines
}

// OneLine is the text of an error as a single line without control characters,
// which could come from a file or a broker.
func OneLine(err error) string {
	text := strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}
