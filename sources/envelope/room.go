package envelope

import (
	"fmt"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/breath"
	"github.com/belfry/belfry/sources"
)

// MaxDecodedBytes is how much memory what is decoded of one document may take, as it is
// counted: a few bytes of any format become some hundred bytes of memory.
const MaxDecodedBytes = 64 << 20

// Prices of what is decoded, in bytes of memory with what decoding takes on the way.
const (
	ValueBytes  = 64  // a value, alone or in a list
	ObjectBytes = 320 // an object that has fields, beside their values
)

// roomStretch is how much is decoded between two looks at how long that has taken: a
// thousand values, some 150 us of work.
const roomStretch = 1000 * ValueBytes

// Room is what is left of [MaxDecodedBytes]. It serves one goroutine.
type Room struct {
	taken, looked int
	stretches     breath.Stretches
	turn          *sources.Turn // which is taken if much is; nil: nobody waits
}

// NewRoom returns the room for a document of the record whose turn it is.
func NewRoom(turn *sources.Turn) *Room { return &Room{turn: turn} }

// Take counts bytes before they are taken, and refuses what would be too many. What is
// decoded of one document is up to a second of work: it lets others in between. What becomes
// much waits for the turn of its record; that error matches [sources.ErrUnavailable].
func (r *Room) Take(bytes int) error {
	if bytes > MaxDecodedBytes-r.taken {
		r.taken = MaxDecodedBytes
		return &belfry.FieldError{TooLarge: true, Problem: fmt.Sprintf("must have fewer values: they would take over %d MiB of memory when decoded", MaxDecodedBytes>>20)}
	}
	if r.taken += bytes; r.taken-r.looked > roomStretch {
		r.looked = r.taken
		r.stretches.Next()
		return r.turn.TakeMemory(r.taken)
	}
	return nil
}

// Times counts a number of things of some bytes each.
func (r *Room) Times(n, bytes int) error {
	if n > MaxDecodedBytes {
		n = MaxDecodedBytes
	}
	return r.Take(n * bytes)
}
