package belfry_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/belfry/belfry"
)

func TestParseLetterID(t *testing.T) {
	want := belfry.LetterID{Partition: 3, Offset: 120}
	if got, err := belfry.ParseLetterID(want.String()); err != nil || got != want {
		t.Errorf("got %v, %v", got, err)
	}
	for _, text := range []string{"", "3", "3/", "/3", "3/1/2", "-1/2", "3/x", "03/1", "3/ 1", "4294967296/1"} {
		if got, err := belfry.ParseLetterID(text); !errors.Is(err, belfry.ErrInvalid) {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
}

func TestParseLetterCursor(t *testing.T) {
	for _, want := range []belfry.LetterCursor{nil, {0}, {12, 0, 1 << 40}} {
		if got, err := belfry.ParseLetterCursor(want.String()); err != nil || !slices.Equal(got, want) {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
	}
	for _, text := range []string{".", "1.", "1,2", "-1", "x"} {
		if got, err := belfry.ParseLetterCursor(text); !errors.Is(err, belfry.ErrInvalid) {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
}

func TestLetterFilter(t *testing.T) {
	at := time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC)
	letter := belfry.Letter{DeadLetter: belfry.DeadLetter{Reason: belfry.ReasonRule, Topic: "orders", Group: "g", Rule: "r", DeadAt: at}}
	replayed := letter
	replayed.Replayed = true
	tests := []struct {
		name   string
		filter belfry.LetterFilter
		letter belfry.Letter
		want   bool
	}{
		{"all", belfry.LetterFilter{}, replayed, true},
		{"reason", belfry.LetterFilter{Reasons: []belfry.Reason{belfry.ReasonEmpty, belfry.ReasonRule}}, letter, true},
		{"other reason", belfry.LetterFilter{Reasons: []belfry.Reason{belfry.ReasonEmpty}}, letter, false},
		{"topic", belfry.LetterFilter{Topics: []string{"orders"}}, letter, true},
		{"other topic", belfry.LetterFilter{Topics: []string{"order"}}, letter, false},
		{"group", belfry.LetterFilter{Groups: []string{"g"}}, letter, true},
		{"other group", belfry.LetterFilter{Groups: []string{"h"}}, letter, false},
		{"rule", belfry.LetterFilter{Rules: []string{"r"}}, letter, true},
		{"other rule", belfry.LetterFilter{Rules: []string{"s"}}, letter, false},
		{"one of two does not fit", belfry.LetterFilter{Topics: []string{"orders"}, Rules: []string{"s"}}, letter, false},
		{"since then", belfry.LetterFilter{Since: at}, letter, true},
		{"since after", belfry.LetterFilter{Since: at.Add(1)}, letter, false},
		{"until then", belfry.LetterFilter{Until: at}, letter, false},
		{"until after", belfry.LetterFilter{Until: at.Add(1)}, letter, true},
		{"pending", belfry.LetterFilter{Pending: true}, letter, true},
		{"not pending", belfry.LetterFilter{Pending: true}, replayed, false},
	}
	for _, tt := range tests {
		if got := tt.filter.Match(&tt.letter); got != tt.want {
			t.Errorf("%s: got %v", tt.name, got)
		}
	}
}
