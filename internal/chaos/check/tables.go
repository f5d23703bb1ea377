package check

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/belfry/belfry/inbox"
)

// checkTables holds the user's row and items as the topics have them against
// the oracle.
func checkTables(p *person, r *report) {
	p.checkRow(r)
	p.checkItems(r)
	p.checkEndpoints(r)
}

func (p *person) checkRow(r *report) {
	want, got := &p.oracle.stored, &p.row
	same := sameRow
	if p.own {
		same = func(_, _ *inbox.State) bool { return sameBoard(&p.board, &p.notices.last().Row) }
	}
	if want.Version > 0 {
		r.checked.Rows++
	}
	switch {
	case !p.hasRow && want.Version == 0:
	case !p.hasRow:
		r.find(Lost, p.name, "the table has no row, want version %d", want.Version)
	case got.Version < want.Version:
		r.find(Back, p.name, "the table's last row is of version %d, want %d", got.Version, want.Version)
	case !same(got, want):
		r.find(Drift, p.name, "the table's last row is\n\t%s\n\twant\n\t%s", rowText(got), rowText(want))
	}
}

func (p *person) checkItems(r *report) {
	left := maps.Clone(p.items)
	for seq := range p.oracle.stored.Contents() {
		r.checked.Items++
		want := p.oracle.contents[seq]
		got, ok := left[seq]
		delete(left, seq)
		switch {
		case !ok:
			r.about(Lost, p.name, identity{want.Source, want.ID}.String(), "(seq %d) has no content in the table", seq)
		case !sameContent(&got, &want):
			r.find(Drift, p.name, "the content of %d is\n\t%+v\n\twant\n\t%+v", seq, got, want)
		}
	}
	for _, seq := range slices.Sorted(maps.Keys(left)) {
		why := "no record made it"
		if version, ok := p.oracle.gone[seq]; ok {
			why = fmt.Sprintf("it was removed at version %d", version)
		}
		r.find(Drift, p.name, "orphan: the content of %d is in the table, and %s", seq, why)
	}
}

// checkEndpoints holds that the table has the contents of the row's endpoints and no other.
func (p *person) checkEndpoints(r *report) {
	left := maps.Clone(p.endpoints)
	if reach := p.oracle.stored.Reach; reach != nil {
		for _, want := range reach.Endpoints {
			r.checked.Endpoints++
			got, ok := left[want.Seq]
			delete(left, want.Seq)
			switch {
			case !ok:
				r.find(Lost, p.name, "endpoint %d has no content in the table", want.Seq)
			case got.Seq != want.Seq || got.Kind != want.Kind:
				r.find(Drift, p.name, "the content of endpoint %d is of %v %d", want.Seq, got.Kind, got.Seq)
			}
		}
	}
	for _, seq := range slices.Sorted(maps.Keys(left)) {
		r.find(Drift, p.name, "orphan: the content of endpoint %d is in the table, and the row does not hold it", seq)
	}
}

// sameContent compares items as they come back from being stored: times to the
// millisecond, whatever their location, and empty for nil.
func sameContent(a, b *inbox.Item) bool {
	return a.Seq == b.Seq && a.ID == b.ID && a.Source == b.Source && a.Type == b.Type &&
		a.Category == b.Category && a.Priority == b.Priority &&
		maps.Equal(a.Title, b.Title) && maps.Equal(a.Body, b.Body) &&
		a.Audience == b.Audience && a.URL == b.URL && a.Actor == b.Actor && a.CollapseKey == b.CollapseKey &&
		a.Time.UnixMilli() == b.Time.UnixMilli() && a.ExpiresAt.UnixMilli() == b.ExpiresAt.UnixMilli() &&
		bytes.Equal(a.Data, b.Data) && bytes.Equal(a.Extra, b.Extra)
}

// rowText is a row for people.
func rowText(s *inbox.State) string {
	return fmt.Sprintf("epoch %d base %d version %d horizon %d\n\titems %+v\n\tmutes %+v\n\tremovals %+v\n\twatermarks %+v\n\ttopics %+v joined %t\n\treach %+v",
		s.Epoch, s.Base, s.Version, s.Horizon, s.Items, s.Mutes, s.Removals, s.Watermarks, s.Topics, s.Joined, s.Reach)
}
