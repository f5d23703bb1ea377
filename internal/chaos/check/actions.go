package check

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/chaos/history"
)

// checkActions holds that each acknowledged command is in the journal, and thus
// in force in the oracle, and that nothing is there which nobody asked for. One
// record proves one command.
func checkActions(p *person, r *report) {
	records := map[string][]uint64{} // versions, rising
	for i, j := range p.journal {
		k := j.Record.Kind
		if j.Unreadable || k < inbox.KindSeen || k > inbox.KindDelete {
			continue
		}
		// While an epoch lasts, a record's version follows from its offset; that
		// is so without the oracle too.
		key := selection(j.Record)
		records[key] = append(records[key], uint64(p.journal[i].Offset)+1)
	}
	keys, acted := groupBy(p.acted, func(a history.Acted) string { return selection(a.Record) })
	for _, key := range keys {
		p.matchActions(key, acted[key], records[key], r)
		delete(records, key)
	}
	for key, versions := range records {
		r.find(Other, p.name, "%s at version %d was asked for by nobody", key, versions[0])
	}
}

// matchActions gives each acknowledged command the first record left, the one
// whose answer came with the lowest version first: if there is any way to match
// all, that is one.
func (p *person) matchActions(what string, acted []history.Acted, versions []uint64, r *report) {
	acted = slices.DeleteFunc(slices.Clone(acted), func(a history.Acted) bool { return !a.Acknowledged })
	deadline := func(a history.Acted) uint64 {
		if a.Version == 0 {
			return math.MaxUint64
		}
		return a.Version
	}
	slices.SortStableFunc(acted, func(a, b history.Acted) int { return cmp.Compare(deadline(a), deadline(b)) })
	for i, a := range acted {
		r.checked.Actions++
		switch {
		case i >= len(versions):
			r.about(Lost, p.name, fmt.Sprintf("%s at %s", what, a.At.Format(time.RFC3339Nano)), "was acknowledged and is not in the journal")
		case versions[i] > deadline(a):
			r.find(Drift, p.name, "%s at %s was answered with version %d, but its record is at %d or later",
				what, clock(a.At), a.Version, versions[i])
		}
	}
}

// selection tells commands apart.
func selection(rec inbox.Record) string {
	if len(rec.Seqs) > 0 {
		return fmt.Sprintf("%s %v", rec.Kind, rec.Seqs)
	}
	return fmt.Sprintf("%s up to %d %q", rec.Kind, rec.UpTo, rec.Category)
}
