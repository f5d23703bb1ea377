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

// nearest returns the candidate with the smallest edit distance to a name, the
// first of several, and that distance. Candidates must not be empty.
func nearest(name string, candidates []string) (string, int) {
	best, least := "", -1
	for _, c := range candidates {
		if d := distance(name, c); least < 0 || d < least {
			best, least = c, d
		}
	}
	return best, least
}

// distance is the Levenshtein distance of two names in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
