package belfry_test

import (
	"errors"
	"testing"

	"github.com/belfry/belfry"
)

func TestPriority(t *testing.T) {
	for _, c := range []struct {
		name     string
		p        belfry.Priority
		pressing bool
	}{
		{"low", belfry.PriorityLow, false}, {"normal", belfry.PriorityNormal, false},
		{"high", belfry.PriorityHigh, true}, {"urgent", belfry.PriorityUrgent, true},
	} {
		got, err := belfry.ParsePriority(c.name)
		if err != nil || got != c.p {
			t.Errorf("ParsePriority(%q) = %v, %v; want %v", c.name, got, err, c.p)
		}
		if text, err := c.p.MarshalText(); string(text) != c.name || err != nil {
			t.Errorf("%d is written %q, %v; want %q", c.p, text, err, c.name)
		}
		if c.p.Pressing() != c.pressing {
			t.Errorf("%s pressing = %t, want %t", c.name, c.p.Pressing(), c.pressing)
		}
	}
	if got, err := belfry.ParsePriority(""); got != belfry.PriorityNormal || err != nil {
		t.Errorf("ParsePriority of nothing = %v, %v; want normal", got, err)
	}
	for _, s := range []string{"High", "medium", "1", " low"} {
		var fe *belfry.FieldError
		if _, err := belfry.ParsePriority(s); !errors.As(err, &fe) || fe.Field != "priority" {
			t.Errorf("ParsePriority(%q): %v, want an error of the field priority", s, err)
		}
	}
}
