package sources

import "time"

// Event is one of the events that a record carries: usually its only one, or an
// element of a list. Those who are given one must not change it.
type Event struct {
	// Value is the content: nil, bool, string, []any, map[string]any, or a
	// number: int64, uint64 if it is above that, and json.Number, the text as it
	// stood, for all others. So an id that is a number becomes text as it was.
	Value any
	// Text is the JSON that Value was read from, as it stood, where whoever reads
	// needs it: numbers and the order of names are the sender's. Empty otherwise.
	Text string
	// Index is its place in the record's list; 0 if it is the only one.
	Index int

	// ID to Time come from the envelope or the record's headers; zero if neither
	// has them.
	ID      string
	Source  string
	Type    string
	Subject string
	Time    time.Time
	// TimeErr says why Time is zero though the envelope has one; nil if it has none.
	TimeErr error

	// Attributes are those of a CloudEvent, extensions too; nil if it is none.
	Attributes map[string]string
}
