package inbox_test

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

// traced is a record of a history that a model of the design, written in another
// language, has folded into the row of one user, and what the row was and showed then.
type traced struct {
	Version uint64         `json:"v"`
	Record  tracedRecord   `json:"r"`
	Items   map[string]any `json:"items"`
	Horizon uint64         `json:"horizon"`
	Mutes   []string       `json:"mutes"`
	// Removals are seq, version and id.
	Removals [][3]int64 `json:"removals"`
	// Effects are the seqs whose contents are written, and below 0 those removed.
	Effects []int64 `json:"fx"`
	// Shows are a time and the listed, scheduled and archived seqs, x and the badge.
	Shows []any `json:"shows"`
	// People are how many, more, and the latest three, by seq.
	People map[string][3]any `json:"people"`
	// Since are a cursor, a time, and what a client is told: items, flags, removed.
	Since []any `json:"since"`
}

type tracedRecord struct {
	Kind  string   `json:"k"`
	Time  int64    `json:"t"`
	ID    int64    `json:"id"`
	Key   string   `json:"key"`
	At    int64    `json:"at"`
	Exp   int64    `json:"exp"`
	Actor string   `json:"actor"`
	Cat   string   `json:"cat"`
	Seqs  []uint64 `json:"seqs"`
	Until int64    `json:"until"`
	Up    uint64   `json:"up"`
}

// ms is the time of those histories, which is short.
func ms(t int64) time.Time { return time.UnixMilli(t) }

func msOrNone(t int64) time.Time {
	if t == 0 {
		return time.Time{}
	}
	return ms(t)
}

// tracedHash is by which a row knows the id of such a history.
func tracedHash(id int64) uint64 { return inbox.IdentityHash("s", strconv.FormatInt(id, 10), "") }

func (r tracedRecord) record(t testing.TB) inbox.Record {
	kind := inbox.KindNotify
	for kind.String() != r.Kind {
		if kind++; !kind.Valid() {
			t.Fatalf("kind %q", r.Kind)
		}
	}
	out := inbox.Record{Kind: kind, Seqs: r.Seqs, UpTo: r.Up, Until: r.Until}
	switch {
	case kind == inbox.KindNotify:
		out = inbox.Record{Kind: kind, Notification: belfry.Notification{
			ID: strconv.FormatInt(r.ID, 10), Source: "s", Title: belfry.PlainText("t"), Category: r.Cat, CollapseKey: r.Key,
			Actor: belfry.Actor{ID: r.Actor}, ExpiresAt: msOrNone(r.Exp), DeliverAt: msOrNone(r.At),
		}}
	case kind == inbox.KindRetract && r.Key != "":
		out.Retraction = belfry.Retraction{CollapseKey: r.Key}
	case kind == inbox.KindRetract:
		out.Retraction = belfry.Retraction{Source: "s", ID: strconv.FormatInt(r.ID, 10)}
	case kind == inbox.KindMute || kind == inbox.KindUnmute || r.Up != 0:
		out.Category = r.Cat
	}
	return out
}

// tracedIn is the input of the record of that version: five items, two hidden, so many
// arrivals an item.
func tracedIn(version uint64, at int64, members int) inbox.Input {
	in := inbox.Input{Position: inbox.Position{Epoch: 1, Offset: int64(version) - 1}, Time: ms(at), Cap: 5, Members: members}
	return in.WithLimits(2, inbox.MaxMutes, inbox.MaxRowMembers)
}

// TestTraces folds the histories of the model, and holds every row, effect, list, badge
// and delta against it.
func TestTraces(t *testing.T) {
	file, err := os.Open("testdata/traces.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(unzipped)
	lines.Buffer(nil, 1<<20)
	for n := 0; lines.Scan(); n++ {
		var history []traced
		if err := json.Unmarshal(lines.Bytes(), &history); err != nil {
			t.Fatal(err)
		}
		var row inbox.State
		for i := range history {
			step := &history[i]
			before := deepCopy(row)
			var effects inbox.Effects
			row, effects = inbox.Fold(row, step.Record.record(t), tracedIn(step.Version, step.Record.Time, 3))
			if diff := step.diff(&row, effects); diff != "" {
				t.Fatalf("history %d, record %d, %+v: %s\nit was\n%s\nit is\n%s", n, i, step.Record, diff, rowText(&before), rowText(&row))
			}
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

// rowText writes a row with its groups.
func rowText(s *inbox.State) string {
	out := row(*s)
	for i := range s.Items {
		if g := s.Items[i].Group; g != nil {
			out += fmt.Sprintf("\n%d: %+v", s.Items[i].Seq, *g)
		}
	}
	return out + fmt.Sprintf("\nmutes %v", s.Mutes)
}

// plain is what v becomes by way of JSON.
func plain(v any) any {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	var out any
	if err := json.Unmarshal(b, &out); err != nil {
		panic(err)
	}
	return out
}

// differs returns "" if what JSON makes of both is equal.
func differs(what string, got, want any) string {
	if g, w := plain(got), plain(want); !reflect.DeepEqual(g, w) {
		return fmt.Sprintf("%s is\n%v\nwant\n%v", what, g, w)
	}
	return ""
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// noNil is an empty list for none.
func noNil[T any](s []T) []T { return append([]T{}, s...) }

func (step *traced) diff(s *inbox.State, effects inbox.Effects) string {
	items := map[string]any{}
	for i := range s.Items {
		e := &s.Items[i]
		items[fmt.Sprint(e.Seq)] = []any{e.Version, e.Unarchived, cutOf(e), e.Shown, e.Until, bit(e.Born), bit(e.Muted), bit(e.Read), bit(e.Seen),
			bit(e.Archived), e.Collapse, e.Count, step.members(e)}
	}
	want := map[string]any{}
	for seq, item := range step.Items {
		fields := item.([]any)
		fields[10] = inbox.CollapseHash(fields[10].(string))
		for _, m := range fields[12].([]any) {
			member := m.([]any)
			member[1] = tracedHash(int64(member[1].(float64)))
			member[2] = inbox.ActorHash(belfry.Actor{ID: member[2].(string)})
		}
		want[seq] = item
	}
	removals, wantRemovals := [][3]uint64{}, [][3]uint64{}
	for _, r := range s.Removals {
		removals = append(removals, [3]uint64{r.Seq, r.Version, r.Hash})
	}
	for _, r := range step.Removals {
		wantRemovals = append(wantRemovals, [3]uint64{uint64(r[0]), uint64(r[1]), tracedHash(r[2])})
	}
	mutes := []string{}
	for _, m := range s.Mutes {
		mutes = append(mutes, m.Category)
	}
	slices.Sort(mutes)
	fx := []int64{}
	if effects.Seq != 0 && effects.Item != nil {
		fx = append(fx, int64(effects.Seq))
	}
	for _, seq := range effects.Removed {
		fx = append(fx, -int64(seq))
	}
	wantFX := noNil(step.Effects) // a content that goes with the record that brings it is not written
	wantFX = slices.DeleteFunc(wantFX, func(f int64) bool { return f > 0 && slices.Contains(step.Effects, -f) })
	slices.Sort(fx)
	slices.Sort(wantFX)
	return cmp.Or(differs("version", s.Version, step.Version), differs("items", items, want), differs("removals", removals, wantRemovals),
		differs("horizon", s.Horizon, step.Horizon), differs("mutes", mutes, step.Mutes), differs("effects", fx, wantFX),
		step.diffShows(s), step.diffPeople(s), step.diffSince(s))
}

func cutOf(e *inbox.Entry) uint64 {
	if e.Group == nil {
		return 0
	}
	return e.Group.Cut
}

func (step *traced) members(e *inbox.Entry) []any {
	out := []any{}
	var actor inbox.Actor
	if e.Group != nil {
		actor = e.Group.Actor
		for _, m := range e.Group.Earlier {
			out = append(out, []any{m.Seq, m.Hash, m.Actor.Hash, m.Category, m.ExpiresAt})
		}
	}
	if e.Collapse == 0 { // nothing can join it, and nobody asks whose it is
		actor.Hash = step.actor(e.Seq)
	}
	return append(out, []any{e.Seq, e.Hash, actor.Hash, e.Category, e.ExpiresAt})
}

// actor is that of the item of a seq, of which the row keeps none.
func (step *traced) actor(seq uint64) uint64 {
	item, ok := step.Items[fmt.Sprint(seq)].([]any)
	if !ok {
		return 0
	}
	return inbox.ActorHash(belfry.Actor{ID: item[12].([]any)[0].([]any)[2].(string)})
}

func seqsOf(entries []*inbox.Entry) []uint64 {
	out := []uint64{}
	for _, e := range entries {
		out = append(out, e.Seq)
	}
	return out
}

func (step *traced) diffShows(s *inbox.State) string {
	var got []any
	for _, shown := range step.Shows {
		at := int64(shown.([]any)[0].(float64))
		page := func(status inbox.Status) []uint64 {
			entries, _ := s.Page(inbox.PageQuery{Status: status, Limit: inbox.MaxCap, Born: true}, ms(at))
			return seqsOf(entries)
		}
		scheduled, archived := page(inbox.StatusScheduled), page(inbox.StatusArchived)
		slices.Sort(scheduled)
		slices.Sort(archived)
		got = append(got, []any{at, page(inbox.StatusAll), scheduled, archived, s.Passed(ms(at)), s.Counts(ms(at)).Unread})
	}
	return differs("what it shows", got, step.Shows)
}

func (step *traced) diffPeople(s *inbox.State) string {
	for i := range s.Items {
		e := &s.Items[i]
		if e.Collapse == 0 {
			continue
		}
		p, want := e.People(), step.People[fmt.Sprint(e.Seq)]
		if diff := differs("people", []any{p.Count, p.More}, []any{want[0], want[1]}); diff != "" {
			return diff
		}
		latest := []any{}
		for _, a := range p.Latest {
			latest = append(latest, a.ID)
		}
		if diff := differs("latest people", latest, want[2]); diff != "" {
			return diff
		}
	}
	return ""
}

func (step *traced) diffSince(s *inbox.State) string {
	var got []any
	for _, since := range step.Since {
		cursor, at := uint64(since.([]any)[0].(float64)), int64(since.([]any)[1].(float64))
		c, ok := s.Since(cursor, ms(at))
		if !ok {
			got = append(got, []any{cursor, at, nil})
			continue
		}
		flags := map[string][3]int{}
		for _, seqs := range [][]uint64{c.Read, c.Unread} {
			for _, seq := range seqs {
				read := bit(slices.Contains(c.Read, seq))
				flags[fmt.Sprint(seq)] = [3]int{read, max(read, bit(slices.Contains(c.Seen, seq))), bit(slices.Contains(c.Archived, seq))}
			}
		}
		removed := map[uint64]bool{}
		for _, seq := range c.Removed {
			removed[seq] = true
		}
		got = append(got, []any{cursor, at, []any{seqsOf(c.Items), flags, noNil(slices.Sorted(maps.Keys(removed)))}})
	}
	return differs("what changed", got, step.Since)
}
