package main

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/belfry/belfry"
)

// The exit codes of the program.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// usageError is an error that is mended by calling the program differently:
// by another flag, variable, file or argument.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}

// flagErrorf is a usage error about the value of one flag.
func flagErrorf(name, format string, args ...any) error {
	return usagef("--%s: %w", name, fmt.Errorf(format, args...))
}

// problem is an error of the domain without its field, which is named as a flag
// here.
func problem(err error) error {
	var field *belfry.FieldError
	if errors.As(err, &field) {
		return errors.New(field.Problem)
	}
	return err
}

// oneLine is the text of an error as a single line without control characters,
// which could come from a file or a broker.
func oneLine(err error) string {
	text := strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}
