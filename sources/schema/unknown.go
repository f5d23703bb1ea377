package schema

import (
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/recent"
	"github.com/belfry/belfry/sources/envelope"
)

const (
	// unknownBurst is how many schemas that the registry does not have one partition
	// may ask for at once, and unknownPace the time in which it may ask for one more:
	// what names another one in each record would have the registry asked for each,
	// and all behind it wait for the answers.
	unknownBurst = 20
	unknownPace  = 2 * time.Second
	// maxPlaces is how many partitions are told apart.
	maxPlaces = 10_000
)

// unknown keeps count, by partition, of look-ups that came to nothing. It knows of a
// partition the time at which those so far would have come at the pace allowed. It is
// not safe for concurrent use.
type unknown struct {
	due *recent.Map[envelope.Place, time.Time]
}

func newUnknown() unknown { return unknown{recent.New[envelope.Place, time.Time](maxPlaces / 2)} }

// spent reports whether a partition has asked for so many that it may not ask.
func (u unknown) spent(at envelope.Place, now time.Time) bool {
	due, _ := u.due.Use(at)
	return due.Sub(now) > (unknownBurst-1)*unknownPace
}

// add counts a look-up that came to nothing.
func (u unknown) add(at envelope.Place, now time.Time) {
	due, _ := u.due.Use(at)
	if due.Before(now) {
		due = now
	}
	u.due.Put(at, due.Add(unknownPace))
}

// notAsked is the error of a record whose schema was not looked for.
func notAsked(ref envelope.SchemaID) error {
	return belfry.Invalid("", "must be written with a schema that the registry has; it was not asked for schema %s, since its partition has just named %d that it does not have: replay the record if it has this one",
		ref, unknownBurst)
}
