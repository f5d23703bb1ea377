package belfry_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/belfry/belfry"
)

func TestFieldError(t *testing.T) {
	small := &belfry.FieldError{Field: "title", Problem: "is required"}
	large := &belfry.FieldError{Problem: "is big", TooLarge: true}
	for _, c := range []struct {
		err      error
		text     string
		tooLarge bool
	}{
		{small, "title: is required", false},
		{large, "is big", true},
		{fmt.Errorf("read body: %w", large), "read body: is big", true},
	} {
		if c.err.Error() != c.text {
			t.Errorf("text = %q, want %q", c.err, c.text)
		}
		if !errors.Is(c.err, belfry.ErrInvalid) || errors.Is(c.err, belfry.ErrTooLarge) != c.tooLarge {
			t.Errorf("%v matches the wrong sentinels", c.err)
		}
	}
}

func TestIn(t *testing.T) {
	for _, c := range []struct{ field, path, want string }{
		{"title", "data", "data.title"},
		{"title", "[3]", "[3].title"},
		{"[3].title", "events", "events[3].title"},
		{"", "[3]", "[3]"},
	} {
		inner := &belfry.FieldError{Field: c.field, Problem: "p", TooLarge: true}
		var fe *belfry.FieldError
		if err := belfry.In(c.path, fmt.Errorf("wrapped: %w", inner)); !errors.As(err, &fe) || fe.Field != c.want || !fe.TooLarge || fe.Problem != "p" {
			t.Errorf("In(%q, %q) = %+v, want field %q and the rest kept", c.path, c.field, err, c.want)
		}
		if inner.Field != c.field {
			t.Errorf("In changed the error it was given to %q", inner.Field)
		}
	}
	if err := belfry.In("data", io.EOF); err != io.EOF {
		t.Errorf("another error became %v", err)
	}
	if err := belfry.In("data", nil); err != nil {
		t.Errorf("no error became %v", err)
	}
}
