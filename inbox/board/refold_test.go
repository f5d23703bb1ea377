package board_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
)

// logged is a record of one user's or of the board, as it lies in the journal.
type logged struct {
	offset int64
	at     time.Time
	user   string // empty: the board's
	record inbox.Record
}

// folded is user without a change to the row of before.
func (h *journal) folded(row inbox.State, r inbox.Record) inbox.State {
	in := h.in
	in.Base, in.Keep, in.Cap = h.board.State.Base, h.board.Keep, 0
	h.in.Offset++
	if h.board.Keep > 0 {
		row = board.Advance(row, h.board, in.Base+uint64(in.Offset)+1)
	}
	after, _ := inbox.Fold(row, r, in)
	return after
}

// refolded folds a journal again for one user.
func refolded(r *board.Refolder, user string, log []logged) (steps []inbox.Step) {
	for _, l := range log {
		switch l.user {
		case user:
			steps = append(steps, r.Step(l.offset, l.at, l.record))
		case "":
			if s, told := r.Notice(l.offset, l.at, l.record); told {
				steps = append(steps, s)
			}
		}
	}
	return steps
}

// inWords writes what a step changed, and the unread after it.
func inWords(s *inbox.Step) string {
	var b []string
	add := func(name string, seqs ...uint64) {
		for _, seq := range seqs {
			b = append(b, fmt.Sprint(name, " ", seq))
		}
	}
	if s.Added != 0 {
		add("added", s.Added)
	}
	for _, g := range s.Gone {
		add(g.How, g.Seq)
	}
	for _, h := range s.Hidden {
		add("hidden", h.Seq)
	}
	add("shown", s.Shown...)
	add("read", s.Read...)
	add("muted", s.Muted...)
	add("unknown", s.Unknown...)
	return strings.TrimSpace(fmt.Sprintf("%s %s [%s] %d %s%s", s.Kind, s.Outcome, strings.Join(b, ", "), s.Counts.Unread, s.Audience, s.Why))
}

// Of each record that concerns the user it is told what it did to what the user is shown.
func TestRefolderTellsOfNotices(t *testing.T) {
	category := func(n *belfry.Notification) { n.Category = "news" }
	hour := morning.Add(time.Hour)
	log := []logged{
		{user: "kim", record: subscribe},
		{record: notice("all", "a", expires(time.Hour))},    // 1002
		{record: notice("topic:other", "x")},                // 1003
		{record: notice("all", "b", later(30*time.Minute))}, // 1004
		{user: "kim", record: inbox.Record{Kind: inbox.KindRead, Seqs: []uint64{1002, 1003, 1004}}},
		{record: notice("topic:t", "c", key("k"))}, // 1006
		{record: notice("topic:t", "d", key("k"))}, // 1007
		{user: "kim", record: inbox.Record{Kind: inbox.KindMute, Category: "news"}},
		{user: "lee", record: own},
		{record: notice("all", "e", category)}, // 1010
		{at: morning.Add(30 * time.Minute), record: touch},
		{record: takeBack("topic:t", "d")},
		{user: "kim", record: inbox.Record{Kind: inbox.KindDelete, Seqs: []uint64{1010}}},
		{record: takeBack("all", "e")},
		{record: takeBack("topic:other", "x")},
		{record: notice("all", "a")},
		{at: hour, record: touch},
		{at: hour, user: "kim", record: inbox.Record{Kind: inbox.KindRead, Seqs: []uint64{1002}}},
	}
	h, row := newJournal(), inbox.State{}
	var lee inbox.State
	for i := range log {
		l := &log[i]
		if l.at.IsZero() {
			l.at = h.in.Time
		}
		l.offset, h.in.Time = h.in.Offset, l.at
		switch l.user {
		case "kim":
			h.user(&row, l.record)
		case "lee":
			h.user(&lee, l.record)
		default:
			h.do(l.record)
		}
	}
	want := []string{
		"subscribe applied [] 0",
		"notify applied [added 1002] 1 all",
		"notify for-others [] 1 topic:othernot subscribed to topic:other",
		"notify applied [added 1004, hidden 1004] 1 all",
		"read applied [read 1002, unknown 1003, unknown 1004] 0",
		"notify applied [added 1006] 1 topic:t",
		"notify applied [added 1007, replaced 1006] 1 topic:t",
		"mute applied [] 1",
		"notify applied [added 1010, muted 1010] 1 all",
		"touch unchanged [shown 1004] 2",
		"retract applied [retracted 1007] 1 topic:t",
		"delete applied [deleted 1010] 1",
		"retract applied [] 1 all",
		"notify duplicate [] 1 allid",
		"touch unchanged [expired 1002] 1",
		"read unchanged [] 1",
	}
	r := board.NewRefolder(row, h.board, 7, 0, 0)
	r.Texts = true
	steps := refolded(r, "kim", log)
	var got []string
	for i := range steps {
		got = append(got, inWords(&steps[i]))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if s := steps[1]; s.Title != "a" || s.Version != 1002 || !s.ExpiresAt.Equal(hour) || !steps[4].ExpiresAt.IsZero() {
		t.Errorf("got %+v, %+v", s, steps[4])
	}
	now := hour.Add(time.Hour)
	c := r.Result(now)
	if !c.Agrees || c.Pending != 0 || c.Row.Unread != 1 || c.Refolded.Unread != 1 || c.Version != 1018 || len(c.OlderItems) != 0 {
		t.Errorf("got %+v", c)
	}

	// A notice from before the journal's oldest record is named and in no count, and a
	// second copy of it is none.
	late := slices.Clone(log[3:])
	r = board.NewRefolder(row, h.board, 7, 3, 0)
	steps = refolded(r, "kim", late)
	if c := r.Result(now); !c.Agrees || r.From() != 1003 || c.Row.Unread != 1 || c.Refolded.Unread != 1 {
		t.Errorf("from the fourth record on: got %+v from %d", c, r.From())
	}
	if s := steps[len(steps)-2]; s.Kind != "notify" || s.Outcome != inbox.Duplicate {
		t.Errorf("the second copy of a notice from before: %+v", s)
	}
	r = board.NewRefolder(row, h.board, 7, 10, 0)
	refolded(r, "kim", log[10:])
	if c := r.Result(now); !c.Agrees || c.Refolded.Unread != 0 || c.Older.Unread != 1 || !slices.Equal(c.OlderItems, []uint64{1004}) {
		t.Errorf("from the touch on: got %+v, want a notice that is older", c)
	}

	// Of who has no row it tells the same of what is for everybody.
	r = board.NewRefolder(inbox.State{}, h.board, 7, 0, 0)
	steps = refolded(r, "stranger", log)
	if c := r.Result(morning); !c.Agrees || c.Row.Unread != 1 || c.Refolded.Unread != 1 || c.Version != h.board.State.Version || steps[0].Added != 1002 {
		t.Errorf("of who has no row: got %+v, %+v first", c, steps[0])
	}
	// Nothing is told of a notice where there is no board, or one that the row does not count with.
	other := row
	other.Base++
	for name, r := range map[string]*board.Refolder{
		"none": board.NewRefolder(inbox.State{}, nil, 7, 0, 0), "of another epoch": board.NewRefolder(row, h.board, 8, 0, 0),
		"of another base": board.NewRefolder(other, h.board, 7, 0, 0),
	} {
		if _, told := r.Notice(1, morning, notice("all", "a")); told {
			t.Errorf("%s: told of a notice", name)
		}
	}
}

// The refold of any journal is what its owner made of it: the counts after each record, and
// a row that agrees, whenever row and board are looked at.
func TestRefoldIsTheFold(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 21))
		h, rows, log := newJournal(), map[string]inbox.State{}, []logged(nil)
		users, topics := []string{"kim", "lee", "choi"}, []string{"all", "topic:t", "topic:u"}
		looked := rng.Int64N(120)
		var held *board.Board
		var seen map[string]inbox.State
		shown := []map[string]inbox.Counts{} // after each record, by user
		look := func() {
			held, seen = h.board, map[string]inbox.State{}
			for user, row := range rows {
				seen[user] = row
			}
		}
		for range 120 {
			l := logged{offset: h.in.Offset, at: h.in.Time}
			if l.offset == looked {
				look()
			}
			some := func() []uint64 {
				return []uint64{1001 + rng.Uint64N(uint64(l.offset)+1), 1001 + rng.Uint64N(uint64(l.offset)+1)}
			}
			if rng.IntN(2) == 0 {
				audience, id := topics[rng.IntN(3)], fmt.Sprint(rng.IntN(12))
				switch rng.IntN(8) {
				case 0:
					l.record = takeBack(audience, id)
				case 1:
					l.record = touch
				case 2:
					l.record = notice(audience, id, func(n *belfry.Notification) { n.DeliverAt = l.at.Add(10 * time.Minute) })
				case 3:
					l.record = notice(audience, id, key("k"))
				case 4:
					l.record = notice(audience, id, func(n *belfry.Notification) { n.ExpiresAt = l.at.Add(20 * time.Minute) })
				default:
					l.record = notice(audience, id, func(n *belfry.Notification) { n.Category = "news" })
				}
				h.in.Cap = 5
				h.do(l.record)
			} else {
				l.user = users[rng.IntN(3)]
				topic := "t"
				if rng.IntN(2) == 0 {
					topic = "u"
				}
				l.record = []inbox.Record{
					{Kind: inbox.KindRead, Seqs: some()}, {Kind: inbox.KindArchive, Seqs: some()}, {Kind: inbox.KindDelete, Seqs: some()},
					{Kind: inbox.KindSnooze, Seqs: some(), Until: l.at.Add(15 * time.Minute).UnixMilli()}, {Kind: inbox.KindSubscribe, Topic: topic},
					{Kind: inbox.KindUnsubscribe, Topic: topic}, {Kind: inbox.KindMute, Category: "news"}, {Kind: inbox.KindJoin}, {Kind: inbox.KindErase}, own,
				}[rng.IntN(10)]
				rows[l.user] = h.folded(rows[l.user], l.record)
			}
			log = append(log, l)
			by := map[string]inbox.Counts{}
			for _, user := range append(users, "stranger") {
				row := h.board.Show(rows[user])
				by[user] = row.Counts(l.at)
			}
			shown = append(shown, by)
			h.in.Time = h.in.Time.Add(time.Duration(rng.IntN(5)) * time.Minute)
		}
		if held == nil {
			look()
		}
		for _, user := range append(users, "stranger") {
			r := board.NewRefolder(seen[user], held, 7, 0, 0)
			r.Limit = 5
			for _, s := range refolded(r, user, log) {
				if want := shown[s.Offset][user]; !reflect.DeepEqual(s.Counts, want) {
					t.Fatalf("history %d: after %s at %d %s has %+v, want %+v", seed, s.Kind, s.Offset, user, s.Counts, want)
				}
			}
			row := seen[user]
			if held.Keep > 0 {
				row = held.Show(row)
			}
			c := r.Result(h.in.Time)
			if want := row.Counts(h.in.Time); !c.Agrees || !reflect.DeepEqual(c.Row, want) || !reflect.DeepEqual(c.Refolded, want) || c.Version != row.Version {
				t.Fatalf("history %d: %s, looked at after %d records: %+v, want %+v", seed, user, looked, c, want)
			}
		}
	}
}
