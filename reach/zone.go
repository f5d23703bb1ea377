package reach

import (
	_ "embed"
	"encoding/binary"
	"hash/fnv"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // a container has none

	"github.com/belfry/belfry"
)

//go:embed zones.txt
var zoneNames string

// Zones returns the IANA names of zones that there were when the program was made.
func Zones() []string { return strings.Fields(zoneNames) }

// CheckZone returns the error of [LoadZone].
func CheckZone(name string) error {
	_, err := LoadZone(name)
	return err
}

// LoadZone returns the zone of that name. It knows the names of the list alone: the zone
// data of a machine have others, such as localtime and right/Asia/Seoul, which another
// machine has not, or has for another zone. An error is a *belfry.FieldError for the
// field "zone".
func LoadZone(name string) (*time.Location, error) {
	if name != "" && !strings.ContainsAny(name, " \n") && strings.Contains("\n"+zoneNames+"\n", "\n"+name+"\n") {
		if loc, err := time.LoadLocation(name); err == nil {
			return loc, nil
		}
	}
	return nil, belfry.Invalid("zone", "must be the IANA name of a time zone, such as Asia/Seoul, not %.60q", name)
}

// zones are those that were loaded, by name: each takes a search through all zone data.
type zones struct{ known sync.Map }

func (z *zones) get(name string) (*time.Location, bool) {
	if loc, ok := z.known.Load(name); ok {
		return loc.(*time.Location), true
	}
	loc, err := LoadZone(name)
	if err == nil {
		z.known.Store(name, loc)
	}
	return loc, err == nil
}

// The years whose transitions are a part of what zoneData returns.
const (
	firstZoneYear = 2020
	lastZoneYear  = 2037
)

// zoneData is a hash of what the program knows of zones in those years, whether that is
// of the machine or linked in.
func zoneData() []byte {
	h := fnv.New64a()
	first, last := time.Date(firstZoneYear, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(lastZoneYear+1, 1, 1, 0, 0, 0, 0, time.UTC)
	var b []byte
	for _, name := range Zones() {
		loc, err := LoadZone(name)
		if err != nil {
			continue
		}
		b = append(b[:0], name...)
		for t := first.In(loc); ; {
			_, offset := t.Zone()
			b = binary.BigEndian.AppendUint64(b, uint64(t.Unix()))
			b = binary.BigEndian.AppendUint64(b, uint64(offset))
			_, end := t.ZoneBounds()
			if end.IsZero() || !end.Before(last) {
				break
			}
			t = end
		}
		h.Write(b)
	}
	return h.Sum(nil)
}
