package deadletter_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/deadletter"
)

func TestParseLetterID(t *testing.T) {
	want := deadletter.ID{Partition: 3, Offset: 120}
	if got, err := deadletter.ParseID(want.String()); err != nil || got != want {
		t.Errorf("got %v, %v", got, err)
	}
	for _, text := range []string{"", "3", "3/", "/3", "3/1/2", "-1/2", "3/x", "03/1", "3/ 1", "4294967296/1"} {
		if got, err := deadletter.ParseID(text); !errors.Is(err, belfry.ErrInvalid) {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
}

func TestParseLetterCursor(t *testing.T) {
	for _, want := range []deadletter.Cursor{nil, {0}, {12, 0, 1 << 40}} {
		if got, err := deadletter.ParseCursor(want.String()); err != nil || !slices.Equal(got, want) {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
	}
	for _, text := range []string{".", "1.", "1,2", "-1", "x"} {
		if got, err := deadletter.ParseCursor(text); !errors.Is(err, belfry.ErrInvalid) {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
}

func TestLetterFilter(t *testing.T) {
	at := time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC)
	letter := deadletter.Letter{Envelope: deadletter.Envelope{Reason: deadletter.ReasonRule, Topic: "orders", Group: "g", Rule: "r", DeadAt: at}}
	replayed := letter
	replayed.Replayed = true
	tests := []struct {
		name   string
		filter deadletter.Filter
		letter deadletter.Letter
		want   bool
	}{
		{"all", deadletter.Filter{}, replayed, true},
		{"reason", deadletter.Filter{Reasons: []deadletter.Reason{deadletter.ReasonEmpty, deadletter.ReasonRule}}, letter, true},
		{"other reason", deadletter.Filter{Reasons: []deadletter.Reason{deadletter.ReasonEmpty}}, letter, false},
		{"topic", deadletter.Filter{Topics: []string{"orders"}}, letter, true},
		{"other topic", deadletter.Filter{Topics: []string{"order"}}, letter, false},
		{"group", deadletter.Filter{Groups: []string{"g"}}, letter, true},
		{"other group", deadletter.Filter{Groups: []string{"h"}}, letter, false},
		{"rule", deadletter.Filter{Rules: []string{"r"}}, letter, true},
		{"other rule", deadletter.Filter{Rules: []string{"s"}}, letter, false},
		{"one of two does not fit", deadletter.Filter{Topics: []string{"orders"}, Rules: []string{"s"}}, letter, false},
		{"since then", deadletter.Filter{Since: at}, letter, true},
		{"since after", deadletter.Filter{Since: at.Add(1)}, letter, false},
		{"until then", deadletter.Filter{Until: at}, letter, false},
		{"until after", deadletter.Filter{Until: at.Add(1)}, letter, true},
		{"pending", deadletter.Filter{Pending: true}, letter, true},
		{"not pending", deadletter.Filter{Pending: true}, replayed, false},
	}
	for _, tt := range tests {
		if got := tt.filter.Match(&tt.letter); got != tt.want {
			t.Errorf("%s: got %v", tt.name, got)
		}
	}
}
