package sources

import "fmt"

// RuleError is the error of a record to which a rule could not be applied. It
// matches what its cause matches.
type RuleError struct {
	Rule  string // its name
	Field string // of the rule
	Err   error
}

// Error returns "rule NAME: FIELD: cause".
func (e *RuleError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("rule %s: %v", e.Rule, e.Err)
	}
	return fmt.Sprintf("rule %s: %s: %v", e.Rule, e.Field, e.Err)
}

// Unwrap returns the cause.
func (e *RuleError) Unwrap() error { return e.Err }
