package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Choice is the value of a flag that takes one of a few words.
type Choice struct {
	Value   string
	allowed []string
}

var _ pflag.Value = (*Choice)(nil)

// NewChoice returns a choice among allowed, two or more words, that is initial until it is set.
func NewChoice(initial string, allowed ...string) Choice {
	return Choice{Value: initial, allowed: allowed}
}

// String implements pflag.Value.
func (c *Choice) String() string { return c.Value }

// Type implements pflag.Value: help texts show it as the name of the value.
func (c *Choice) Type() string { return strings.Join(c.allowed, "|") }

// Set implements pflag.Value.
func (c *Choice) Set(value string) error {
	if !slices.Contains(c.allowed, value) {
		last := len(c.allowed) - 1
		return fmt.Errorf("must be %s or %s, not %.80q", strings.Join(c.allowed[:last], ", "), c.allowed[last], value)
	}
	c.Value = value
	return nil
}
