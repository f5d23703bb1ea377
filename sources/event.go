package sources

import "time"

// Event is one of the events that a record carries: usually its only one, or an
// element of a list.
type Event struct {
	// Value is what it says: nil, bool, string, []any, map[string]any, or a
	// number: int64, uint64 if it is above that, and json.Number, the text as it
	// stood, for all others. So an id that is a number becomes text as it was.
	Value any
	// Index is its place in the record's list; 0 if it is the only one.
	Index int

	// What its envelope says, or the record's headers; zero if they don't.
	ID      string
	Source  string
	Type    string
	Subject string
	Time    time.Time

	// Attributes are those of a CloudEvent, extensions too; nil if it is none.
	Attributes map[string]string
}
