package belfry

// Priority orders what waits for a client. The zero value is normal.
type Priority int8

// The priorities, from the least to the most pressing.
const (
	PriorityLow Priority = iota - 1
	PriorityNormal
	PriorityHigh
	PriorityUrgent
)

// Pressing reports whether items of p count as urgent: high or urgent.
func (p Priority) Pressing() bool { return p >= PriorityHigh }

// String returns the name used in JSON: low, normal, high or urgent.
func (p Priority) String() string {
	switch {
	case p <= PriorityLow:
		return "low"
	case p == PriorityNormal:
		return "normal"
	case p == PriorityHigh:
		return "high"
	default:
		return "urgent"
	}
}

// MarshalText returns [Priority.String].
func (p Priority) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// ParsePriority is the inverse of [Priority.String]; "" is normal. Any other
// text is a [*FieldError] for the field "priority".
func ParsePriority(s string) (Priority, error) {
	if s == "" {
		return PriorityNormal, nil
	}
	for p := PriorityLow; p <= PriorityUrgent; p++ {
		if p.String() == s {
			return p, nil
		}
	}
	return 0, Invalid("priority", "must be low, normal, high or urgent, not %.40q", s)
}
