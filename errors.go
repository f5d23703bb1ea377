package belfry

import (
	"errors"
	"fmt"
)

var (
	// ErrInvalid is matched by every error about input that a sender can fix.
	// Such errors are usually a [*FieldError].
	ErrInvalid = errors.New("invalid input")

	// ErrTooLarge is matched by errors about input over a size limit.
	ErrTooLarge = errors.New("too large")

	// ErrEmpty is returned for a record whose value has no bytes. A null value
	// is no such record.
	ErrEmpty = errors.New("the value has no bytes")

	// ErrTombstone is returned for a record whose value is null, bare or in JSON,
	// whatever that is wrapped in: it says nothing to anybody.
	ErrTombstone = errors.New("the value is null")

	// ErrNewerFormat is returned when a stored value was written by a newer
	// Belfry in a format that this one cannot read without misreading it.
	ErrNewerFormat = errors.New("written by a newer version of belfry")

	// ErrCorrupt is returned when stored bytes are not what a writer of ours
	// can have written.
	ErrCorrupt = errors.New("corrupt value")

	// ErrNotReady is returned by reads from a table that has not been
	// recovered yet: an answer would be partial.
	ErrNotReady = errors.New("table not recovered yet")
)

// FieldError is an input error that names the field and the fix. Field is the
// JSON path as the sender wrote it, e.g. "actor.avatar" or "[3].title".
// It matches [ErrInvalid], and [ErrTooLarge] as well if TooLarge is set.
type FieldError struct {
	Field    string
	Problem  string
	TooLarge bool
}

// Error returns "field: problem".
func (e *FieldError) Error() string {
	if e.Field == "" {
		return e.Problem
	}
	return fmt.Sprintf("%s: %s", e.Field, e.Problem)
}

// Is tells errors.Is which sentinels the error stands for.
func (e *FieldError) Is(target error) bool {
	return target == ErrInvalid || e.TooLarge && target == ErrTooLarge
}

// In returns a copy of err with the path put before its field, if err is a
// [*FieldError], and err itself otherwise.
func In(path string, err error) error {
	var fe *FieldError
	if !errors.As(err, &fe) {
		return err
	}
	out := *fe
	switch {
	case out.Field == "":
		out.Field = path
	case out.Field[0] == '[':
		out.Field = path + out.Field
	default:
		out.Field = path + "." + out.Field
	}
	return &out
}

// Invalid returns a [FieldError]: what is wrong with a field, "" for the whole of
// what was sent.
func Invalid(field, format string, args ...any) error {
	return &FieldError{Field: field, Problem: fmt.Sprintf(format, args...)}
}
