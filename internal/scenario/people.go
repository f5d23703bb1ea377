package scenario

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/belfry/belfry/sources"
)

// people is how many users there are: so few that each has something of all
// services, so many that nobody has more than an inbox keeps.
const people = 2000

// person is a user's id: a number for most, a text for one in four.
type person int

func (g *generator) person() person { return person(g.rnd.IntN(people)) }

// others returns n different people, none of them p.
func (g *generator) others(p person, n int) []person {
	seen := map[person]bool{p: true}
	var out []person
	for len(out) < n {
		if q := g.person(); !seen[q] {
			seen[q] = true
			out = append(out, q)
		}
	}
	return out
}

// recipient is the person's id as text.
func (p person) recipient() string {
	if p%4 == 0 {
		return fmt.Sprintf("사용자-%d", int(p))
	}
	return fmt.Sprint(9_007_199_254_740_993 + int(p)) // more than a float64 holds
}

// MarshalJSON writes the id as its services do.
func (p person) MarshalJSON() ([]byte, error) {
	if p%4 == 0 {
		return json.Marshal(p.recipient())
	}
	return []byte(p.recipient()), nil
}

func recipients(list ...person) []string {
	out := make([]string, len(list))
	for i, p := range list {
		out[i] = p.recipient()
	}
	return out
}

// object is a JSON object.
type object map[string]any

// encode writes JSON as Jackson does, which leaves <, > and & as they are;
// twice gives a JSON text that holds it.
func encode(v any, twice bool) []byte {
	raw, err := json.Marshal(v)
	if err == nil && twice {
		raw, err = json.Marshal(string(raw))
	}
	if err != nil {
		return []byte(err.Error()) // what is put in here is all JSON
	}
	return raw
}

// headers are those of Spring, the type first, last or between others.
func (g *generator) headers(typ string) []sources.Header {
	out := []sources.Header{
		{Key: "traceparent", Value: []byte("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")},
		{Key: "b3", Value: []byte{0xff, 0x00}}, // no text
	}
	return slices.Insert(out, g.rnd.IntN(len(out)+1), sources.Header{Key: "__TypeId__", Value: []byte(typ)})
}

// moment is a time in one of the forms that services use.
func (g *generator) moment() any {
	switch g.rnd.IntN(4) {
	case 0:
		return []int{2026, 8, 4, 10, 30, 15}
	case 1:
		return "2026-08-04T10:30:15"
	case 2:
		return json.RawMessage("1785807015.123000000")
	}
	return 1785807015123
}
