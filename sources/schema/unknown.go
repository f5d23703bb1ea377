package schema

import (
	"fmt"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/recent"
	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/envelope"
)

// A producer that names another schema in each record would have the registry asked for each, and
// all behind it wait for the answers. So questions that come to nothing may take
// unknownBurst of a partition's time at once and then a tenth of it; a question counts
// as unknownLeast at least and as unknownMost at most, so that 4 to 200 are asked at
// once, and the record behind them waits for less than a second. Beyond that a record whose schema was not seen yet waits until
// the partition may ask for it, for unknownWait in all; after that it is not asked for
// where the partition may not, until it has named none for unknownSchemaFor.
const (
	unknownBurst = 200 * time.Millisecond
	unknownShare = 10
	unknownLeast = time.Millisecond
	unknownMost  = 50 * time.Millisecond
	unknownWait  = 500 * time.Millisecond
	// maxPlaces is how many partitions are told apart.
	maxPlaces = 10_000
)

// unknown keeps count, by partition, of look-ups that came to nothing. It is not safe
// for concurrent use.
type unknown struct {
	places *recent.Map[envelope.Place, spending]
}

// spending is what a partition has spent.
type spending struct {
	due   time.Time // at which the look-ups so far would have come at the share allowed
	since time.Time // since when it waits on and off; zero: it does not
	last  time.Time // when it last named a schema that was not known
}

func newUnknown() unknown { return unknown{recent.New[envelope.Place, spending](maxPlaces / 2)} }

// spent returns nil if a partition may ask for a schema, and else why it may not: that
// it is to wait, or that the record is not asked for.
func (u unknown) spent(at envelope.Place, ref envelope.SchemaID, now time.Time) error {
	s, known := u.places.Use(at)
	if !known {
		return nil
	}
	if now.Sub(s.last) > unknownSchemaFor {
		s.since = time.Time{}
	}
	s.last = now
	may := s.due.Sub(now) <= unknownBurst*unknownShare
	if !may && s.since.IsZero() {
		s.since = now
	}
	u.places.Put(at, s)
	switch {
	case may:
		return nil
	case now.Sub(s.since) < unknownWait:
		return fmt.Errorf("%w: its partition has named so many schemas that the registry does not have that schema %s is asked for later", sources.ErrUnavailable, ref)
	default:
		return belfry.Invalid("", "must be written with a schema that the registry has; it was not asked for schema %s, since its partition has named so many that it does not have: replay the record if it has this one", ref)
	}
}

// add counts a look-up that came to nothing and took so long.
func (u unknown) add(at envelope.Place, now time.Time, took time.Duration) {
	s, _ := u.places.Use(at)
	if s.due.Before(now) {
		s.due = now
	}
	s.due, s.last = s.due.Add(min(max(took, unknownLeast), unknownMost)*unknownShare), now
	u.places.Put(at, s)
}
