package check

import (
	"maps"
	"slices"
)

// checkOutbound holds the user's decisions in the outbound topic against those that his
// journal makes: each is there once or more, as it was made, and no other.
func checkOutbound(p *person, r *report) {
	left := maps.Clone(p.oracle.decided)
	for _, got := range p.outbound {
		r.checked.Outbound++
		want, ok := p.oracle.decided[got.Decision]
		delete(left, got.Decision)
		switch {
		case !ok:
			r.find(Drift, p.name, "decision %d of %s is in the outbound topic, and no record made it", got.Decision, got.Channel)
		case got.Outbound != want:
			r.find(Drift, p.name, "the outbound topic has the decision %+v, want %+v", got.Outbound, want)
		}
	}
	r.checked.Decisions += len(p.oracle.decided)
	for _, version := range slices.Sorted(maps.Keys(left)) {
		r.find(Lost, p.name, "decision %d of %s is not in the outbound topic", version, left[version].Channel)
	}
}
