package inbox_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

func endpoint(kind inbox.EndpointKind, target string) inbox.Record {
	return inbox.Record{Kind: inbox.KindEndpoint, Endpoint: &inbox.Address{Kind: kind, Target: target}}
}

// reached is a row under way, with what its records have written.
type reached struct {
	*testing.T
	row       inbox.State
	offset    int64
	contents  map[uint64]bool // of endpoints
	outbound  []inbox.Outbound
	records   []inbox.Record
	positions []inbox.Input
}

func reachedRow(t *testing.T) *reached { return &reached{T: t, contents: map[uint64]bool{}} }

// fold folds a record, and holds that it writes the same again when it is redelivered.
func (r *reached) fold(record inbox.Record) inbox.Effects {
	r.Helper()
	in := inbox.Input{Position: inbox.Position{Epoch: 1, Offset: r.offset}, Time: clock(int(r.offset)), Members: inbox.MaxMembers}
	r.offset++
	before := deepCopy(r.row)
	after, effects := inbox.Fold(r.row, record, in)
	if !reflect.DeepEqual(r.row, before) {
		r.Fatalf("fold of %s modified the row it was given", record.Kind)
	}
	r.row = after
	again, repeated := inbox.Fold(after, record, in)
	if !reflect.DeepEqual(again, after) || repeated.Endpoint != effects.Endpoint || !slices.Equal(repeated.GoneEndpoints, effects.GoneEndpoints) || !reflect.DeepEqual(repeated.Outbound, effects.Outbound) {
		r.Errorf("%s again: %+v, was %+v", record.Kind, repeated, effects)
	}
	for _, seq := range effects.GoneEndpoints {
		delete(r.contents, seq)
	}
	if effects.Endpoint != 0 {
		r.contents[effects.Endpoint] = true
	}
	if effects.Outbound != nil {
		r.outbound = append(r.outbound, *effects.Outbound)
	}
	held := 0
	if after.Reach != nil {
		held = len(after.Reach.Endpoints)
	}
	for seq := range r.contents {
		if !after.HoldsEndpoint(seq) {
			r.Errorf("%s leaves the content of endpoint %d", record.Kind, seq)
		}
	}
	if held != len(r.contents) {
		r.Errorf("%s: %d endpoints, contents of %v", record.Kind, held, r.contents)
	}
	r.records, r.positions = append(r.records, record), append(r.positions, in)
	return effects
}

func (r *reached) endpoints(want ...uint64) {
	r.Helper()
	var got []uint64
	for _, e := range r.row.Reach.Endpoints {
		got = append(got, e.Seq)
	}
	if !slices.Equal(got, want) {
		r.Errorf("got endpoints %v, want %v", got, want)
	}
}

func TestEndpointAgain(t *testing.T) {
	r := reachedRow(t)
	r.fold(endpoint(inbox.EndpointWebPush, "a"))
	r.fold(endpoint(inbox.EndpointWebPush, "b"))
	r.fold(endpoint(inbox.EndpointWebPush, "a"))
	r.endpoints(2, 3)
	// A late word of the former harms the new one no more.
	if e := r.fold(inbox.Record{Kind: inbox.KindEndpointGone, Seqs: []uint64{1}}); e.Outcome != inbox.Unchanged || r.row.Reach.EndpointsVersion != 3 {
		t.Errorf("got %s, endpoints changed at %d", e.Outcome, r.row.Reach.EndpointsVersion)
	}
	r.fold(inbox.Record{Kind: inbox.KindEndpointGone, EndpointHash: inbox.EndpointHash(inbox.EndpointWebPush, "a")})
	r.endpoints(2)
	if from := r.row.Reach.FromOf(inbox.EndpointWebPush); from != 1 {
		t.Errorf("from %d, want 1: there was one all along", from)
	}
	r.fold(inbox.Record{Kind: inbox.KindEndpointGone, Seqs: []uint64{2}})
	r.fold(endpoint(inbox.EndpointWebPush, "c"))
	if from := r.row.Reach.FromOf(inbox.EndpointWebPush); from != r.row.Version {
		t.Errorf("from %d, want %d: there was none", from, r.row.Version)
	}
	// The first records come again to a row that has gone on: what they made is gone.
	for i, record := range r.records[:3] {
		_, effects := inbox.Fold(r.row, record, r.positions[i])
		if seq := uint64(i + 1); effects.Endpoint != 0 || !slices.Contains(effects.GoneEndpoints, seq) {
			t.Errorf("endpoint %d again: %+v, want its tombstone", seq, effects)
		}
	}
}

func TestEndpointsAreFew(t *testing.T) {
	r := reachedRow(t)
	for i := range inbox.MaxEndpoints + 2 {
		r.fold(endpoint(inbox.EndpointWebPush, fmt.Sprint(i)))
	}
	if n := len(r.row.Endpoints(inbox.EndpointWebPush)); n != inbox.MaxEndpoints || r.row.Reach.Endpoints[0].Seq != 3 {
		t.Errorf("got %d endpoints from %d on", n, r.row.Reach.Endpoints[0].Seq)
	}
	r.fold(endpoint(inbox.EndpointMail, "kim@example.com"))
	first := r.row.Version
	r.fold(endpoint(inbox.EndpointMail, "kim@example.org"))
	if mail := r.row.Endpoints(inbox.EndpointMail); len(mail) != 1 || mail[0].Seq != r.row.Version || r.row.Reach.FromOf(inbox.EndpointMail) != first {
		t.Errorf("got %v, from %d", mail, r.row.Reach.FromOf(inbox.EndpointMail))
	}
}

func TestEndpointKinds(t *testing.T) {
	for name, kind := range map[string]inbox.EndpointKind{"webpush": inbox.EndpointWebPush, "mail": inbox.EndpointMail, "text": inbox.EndpointText} {
		if got, err := inbox.ParseEndpointKind(name); got != kind || err != nil || !kind.Valid() || kind.String() != name {
			t.Errorf("%s: got %s, %v", name, got, err)
		}
	}
	for _, kind := range []inbox.EndpointKind{0, 4} {
		if want := fmt.Sprintf("kind(%d)", uint8(kind)); kind.Valid() || kind.String() != want {
			t.Errorf("got %s, want %s", kind, want)
		}
	}
	if _, err := inbox.ParseEndpointKind("pigeon"); !errors.Is(err, belfry.ErrInvalid) {
		t.Errorf("got %v", err)
	}
}

// A row remembers a number of endpoints that are gone, the newest.
func TestGoneEndpointsAreFew(t *testing.T) {
	r := reachedRow(t)
	for i := range 100 {
		r.fold(endpoint(inbox.EndpointMail, fmt.Sprint(i, "@example.com")))
	}
	gone := r.row.Reach.Gone
	if n := len(gone); n != 64 || gone[n-1].Seq != 99 || gone[0].Seq != 36 {
		t.Errorf("%d are remembered, from %d to %d", n, gone[0].Seq, gone[n-1].Seq)
	}
}

func TestEndpointRoutedAgain(t *testing.T) {
	r := reachedRow(t)
	record := endpoint(inbox.EndpointWebPush, "a")
	record.Origin = inbox.Origin{TopicID: [16]byte{1}, Offset: 5}
	r.fold(record)
	if _, effects := inbox.Fold(r.row, record, inbox.Input{Position: inbox.Position{Epoch: 1, Offset: 9}}); effects.Outcome != inbox.Duplicate || effects.Endpoint != 0 {
		t.Errorf("got %+v, want a duplicate", effects)
	}
}

// A row whose user has neither preferences nor endpoints takes nothing more in hand.
func TestRowsWithoutReach(t *testing.T) {
	r := reachedRow(t)
	r.fold(notify("a", collapse("k")))
	r.fold(notify("b", collapse("k")))
	r.fold(inbox.Record{Kind: inbox.KindSnooze, Seqs: []uint64{2}, Until: clock(50).UnixMilli()})
	for _, record := range []inbox.Record{
		{Kind: inbox.KindEndpointGone, Seqs: []uint64{1}}, tell("push", 3, 2), {Kind: inbox.KindUntell, Untell: &inbox.Untell{Channel: "push", Decision: 2}},
		{Kind: inbox.KindPrefs, Prefs: []byte(`{"a":null}`)}, {Kind: inbox.KindPrefs, Prefs: []byte(`[1]`)}, {Kind: inbox.KindErase},
	} {
		r.fold(record)
		if r.row.Reach != nil {
			t.Errorf("after %s: %+v", record.Kind, r.row.Reach)
		}
	}
}

func TestEndpointKeys(t *testing.T) {
	key := inbox.EndpointKey("user-7", 4711)
	if user, seq, ok := inbox.ParseEndpointKey(key); key != "user-7/e4711" || user != "user-7" || seq != 4711 || !ok {
		t.Errorf("%s: got %s, %d, %t", key, user, seq, ok)
	}
	if _, _, ok := inbox.ParseItemKey(key); ok {
		t.Error("it is the key of an item as well")
	}
	for _, bad := range []string{"user-7/4711", "user-7/e", "user-7/e07", "/e7", "user-7/e7/e7", "__1/e7"} {
		if user, seq, ok := inbox.ParseEndpointKey(bad); ok {
			t.Errorf("%s: got %s, %d", bad, user, seq)
		}
	}
}

// TestEndpointStays holds that a record which says by seq that its endpoint is there
// already leaves it so, and adds it if that is not so.
func TestEndpointStays(t *testing.T) {
	var row inbox.State
	fold := func(record inbox.Record, want ...uint64) {
		t.Helper()
		row, _ = inbox.Fold(row, record, inbox.Input{Position: inbox.Position{Epoch: 1, Offset: int64(row.Version)}, Time: clock(1)})
		var got []uint64
		for _, e := range row.Endpoints(inbox.EndpointWebPush) {
			got = append(got, e.Seq)
		}
		if !slices.Equal(got, want) {
			t.Errorf("at %d: endpoints %v, want %v", row.Version, got, want)
		}
	}
	again := func(seq uint64) inbox.Record {
		record := endpoint(inbox.EndpointWebPush, "https://a")
		record.Seqs = []uint64{seq}
		return record
	}
	fold(endpoint(inbox.EndpointWebPush, "https://a"), 1)
	fold(again(1), 1)
	fold(again(8), 3) // another one
	fold(inbox.Record{Kind: inbox.KindEndpointGone, Seqs: []uint64{3}})
	if at, known := row.GoneEndpoint(3); !known || at != 4 {
		t.Errorf("gone at %d, %v, want 4", at, known)
	}
	fold(again(3), 5)
}

// TestRoutedPast holds that a row tells of records from behind one of the same source.
func TestRoutedPast(t *testing.T) {
	r := reachedRow(t)
	at := func(offset int64, index int32) inbox.Origin {
		return inbox.Origin{TopicID: [16]byte{1}, Partition: 2, Offset: offset, Index: index}
	}
	r.fold(inbox.Record{Kind: inbox.KindPrefs, Prefs: []byte(`{"language":"ko"}`), Origin: at(7, 3)})
	for origin, want := range map[inbox.Origin]bool{
		at(6, 0): true, at(6, 4): true, at(7, 2): true, at(7, 3): false, at(7, 4): false, at(8, 0): false, at(8, 2): false,
	} {
		if got := r.row.RoutedPast(origin); got != want {
			t.Errorf("past %d/%d: %v", origin.Offset, origin.Index, got)
		}
	}
	if r.row.RoutedPast(inbox.Origin{TopicID: [16]byte{9}, Partition: 2, Offset: 1}) {
		t.Error("another source's")
	}
}
