package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// choice is the value of a flag that takes one of a few words.
type choice struct {
	value   string
	allowed []string
}

var _ pflag.Value = (*choice)(nil)

func newChoice(initial string, allowed ...string) choice {
	return choice{value: initial, allowed: allowed}
}

// String implements pflag.Value.
func (c *choice) String() string { return c.value }

// Type implements pflag.Value: help texts show it as the name of the value.
func (c *choice) Type() string { return strings.Join(c.allowed, "|") }

// Set implements pflag.Value.
func (c *choice) Set(value string) error {
	if !slices.Contains(c.allowed, value) {
		last := len(c.allowed) - 1
		return fmt.Errorf("must be %s or %s, not %.80q", strings.Join(c.allowed[:last], ", "), c.allowed[last], value)
	}
	c.value = value
	return nil
}
