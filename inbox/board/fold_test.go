package board_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
)

const day = 24 * time.Hour

// morning is when the histories of these tests begin.
var morning = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// journal is the board of a partition whose records come one after another.
type journal struct {
	board   *board.Board
	in      inbox.Input // of the next record
	effects inbox.Effects
}

func newJournal() *journal {
	return &journal{new(board.Board).Begin(7, 1000), inbox.Input{Position: inbox.Position{Epoch: 7}, Time: morning, Keep: 100}, inbox.Effects{}}
}

// do folds a record of the board.
func (h *journal) do(r inbox.Record) *journal {
	h.board, h.effects = board.Fold(h.board, r, h.in)
	h.in.Offset++
	return h
}

// user folds a record of a user.
func (h *journal) user(row *inbox.State, r inbox.Record) inbox.Effects {
	in := h.in
	h.in.Offset++
	return h.board.Apply(row, &r, in)
}

func notice(audience, id string, options ...func(*belfry.Notification)) inbox.Record {
	n := belfry.Notification{Audience: audience, Source: "it", ID: id, Title: belfry.PlainText(id)}
	for _, o := range options {
		o(&n)
	}
	return inbox.Record{Kind: inbox.KindNotify, Notification: n}
}

func takeBack(audience, id string) inbox.Record {
	return inbox.Record{Kind: inbox.KindRetract, Retraction: belfry.Retraction{Audience: audience, Source: "it", ID: id}}
}

func expires(after time.Duration) func(*belfry.Notification) {
	return func(n *belfry.Notification) { n.ExpiresAt = morning.Add(after) }
}

func later(after time.Duration) func(*belfry.Notification) {
	return func(n *belfry.Notification) { n.DeliverAt = morning.Add(after) }
}

func key(k string) func(*belfry.Notification) {
	return func(n *belfry.Notification) { n.CollapseKey = k }
}

var touch = inbox.Record{Kind: inbox.KindTouch}

// items writes a row's items as "seq@version", those of the board as they are there.
func items(s *inbox.State) string {
	out := []string{}
	for i := range s.Items {
		out = append(out, fmt.Sprintf("%d@%d", s.Items[i].Seq, s.Items[i].Version))
	}
	return fmt.Sprint(out)
}

func (h *journal) stays() string {
	out := []string{}
	for _, s := range h.board.Stays {
		out = append(out, fmt.Sprintf("%d:%d-%d", s.Seq, s.Came, s.Went))
	}
	return fmt.Sprint(out)
}

func TestCheckRecord(t *testing.T) {
	for name, c := range map[string]struct {
		record inbox.Record
		want   string
	}{
		"notice":             {notice("all", "a"), "<nil>"},
		"topic":              {notice("topic:t", "a"), "<nil>"},
		"retraction":         {takeBack("all", "a"), "<nil>"},
		"touch":              {touch, "<nil>"},
		"no audience":        {notice("", "a"), `audience: must be all or topic:<name>, not ""`},
		"retraction of none": {takeBack("", "a"), `audience: must be all or topic:<name>, not ""`},
		"command":            {inbox.Record{Kind: inbox.KindRead, UpTo: 9}, "a board takes no read"},
		"erase":              {inbox.Record{Kind: inbox.KindErase}, "a board takes no erase"},
	} {
		if got := fmt.Sprint(board.CheckRecord(&c.record)); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestEveryNoticeExpires(t *testing.T) {
	for name, c := range map[string]struct {
		record inbox.Record
		want   time.Duration
	}{
		"said":         {notice("all", "a", expires(day)), day},
		"not said":     {notice("all", "a"), 30 * day},
		"later":        {notice("all", "a", later(100*day)), 130 * day},
		"too far":      {notice("all", "a", expires(999*day)), 365 * day},
		"late, at all": {notice("all", "a", later(-day)), 30 * day},
	} {
		h := newJournal().do(c.record)
		if got := time.UnixMilli(h.board.State.Items[0].ExpiresAt).Sub(morning); got != c.want {
			t.Errorf("%s: expires after %v, want %v", name, got, c.want)
		}
		if n := c.record.Notification; h.effects.Item == nil || !h.effects.Item.ExpiresAt.Equal(n.ExpiresAt) || h.effects.Item.Audience != n.Audience {
			t.Errorf("%s: the content is %+v, want what was written", name, h.effects.Item)
		}
	}
}

func TestCollapseOnTheBoard(t *testing.T) {
	h := newJournal().do(notice("all", "a", key("k"))).do(notice("topic:t", "b", key("k"))).do(notice("all", "c", key("k")))
	if got := items(&h.board.State); got != "[1002@1002 1003@1003]" {
		t.Fatalf("items %s: a key is of one audience", got)
	}
	e, _ := h.board.Live(1003)
	if e.Count != 2 || e.Replaces != 1001 || e.Group != nil {
		t.Errorf("got %+v, want count 2, replaces 1001 and no members", e)
	}
	if !slices.Equal(h.effects.Removed, []uint64{1001}) || h.effects.Seq != 1003 {
		t.Errorf("effects %+v: the content of the one before goes with it", h.effects)
	}
	if got := h.stays(); got != "[1001:1001-1003]" {
		t.Errorf("stays %s", got)
	}
	// A retraction of the one that is shown does not bring the one before back.
	if h.do(takeBack("all", "c")); items(&h.board.State) != "[1002@1002]" || h.stays() != "[1001:1001-1003 1003:1003-1004]" {
		t.Errorf("items %s, stays %s", items(&h.board.State), h.stays())
	}
	if h.do(notice("all", "c")); h.effects.Outcome != inbox.Duplicate {
		t.Errorf("what was taken back comes again: %s", h.effects.Outcome)
	}
}

// A hidden notice is the board's alone, until the record that settles it.
func TestHiddenNotice(t *testing.T) {
	h := newJournal().do(notice("all", "a", later(time.Hour))).do(notice("all", "b", later(2*time.Hour)))
	if h.effects.Delivery != inbox.Scheduled || len(h.board.State.Items) != 2 {
		t.Fatalf("effects %+v, items %s", h.effects, items(&h.board.State))
	}
	shown := func() string {
		s := h.board.Show(inbox.State{})
		return fmt.Sprint(s.Version, items(&s))
	}
	if got := shown(); got != "0[]" {
		t.Errorf("shown while hidden: %s", got)
	}
	h.in.Time = morning.Add(90 * time.Minute)
	if got := shown(); got != "0[]" {
		t.Errorf("shown before it is settled: %s", got)
	}
	if h.do(touch); shown() != "1003[1001@1003]" {
		t.Errorf("shown after: %s", shown())
	}
	if e, _ := h.board.Live(1001); e.Place() != 1003 || e.Until != 0 {
		t.Errorf("got %+v, want it at the place 1003", e)
	}
	if h.do(takeBack("all", "b")); h.stays() != "[]" || !slices.Equal(h.effects.Removed, []uint64{1002}) {
		t.Errorf("what goes while hidden leaves stays %s, contents %v", h.stays(), h.effects.Removed)
	}
}

func TestBoardIsFull(t *testing.T) {
	h := newJournal()
	for i := range board.DefaultLimit + 2 {
		h.do(notice("all", fmt.Sprint(i)))
	}
	if n := len(h.board.State.Items); n != board.DefaultLimit || h.board.State.Items[0].Seq != 1003 {
		t.Errorf("%d live, the first is %d; want %d and 1003", n, h.board.State.Items[0].Seq, board.DefaultLimit)
	}
	if got := h.stays(); got != "[1001:1001-1101 1002:1002-1102]" {
		t.Errorf("stays %s", got)
	}
	h.in.Cap = 1
	if h.do(touch); len(h.board.State.Items) != 1 {
		t.Errorf("%d live at a limit of 1", len(h.board.State.Items))
	}
}

func TestRedeliveredNotice(t *testing.T) {
	h := newJournal().do(notice("all", "a", key("k"))).do(notice("all", "b", key("k")))
	for offset, want := range []string{"[]-[1001]", "[1002]-[1001]"} {
		in := h.in
		in.Offset = int64(offset)
		after, effects := board.Fold(h.board, notice("all", string(rune('a'+offset)), key("k")), in)
		written := []uint64{}
		if effects.Seq != 0 {
			written = append(written, effects.Seq)
		}
		if got := fmt.Sprintf("%v-%v", written, effects.Removed); after != h.board || got != want {
			t.Errorf("record %d: effects %s, want %s", offset, got, want)
		}
	}
}

func TestForgetting(t *testing.T) {
	h := newJournal()
	for i := range board.MaxStays + 2 {
		h.do(notice("all", fmt.Sprint(i))).do(takeBack("all", fmt.Sprint(i)))
	}
	if n, horizon := len(h.board.Stays), h.board.Horizon(inbox.Everybody); n != board.MaxStays || horizon.Version != 1004 || horizon.At != morning.UnixMilli() {
		t.Errorf("%d stays, horizon %+v; want %d, and where the second one went", n, horizon, board.MaxStays)
	}
	last := h.board.State.Version
	h.in.Time = morning.Add(board.StayAge)
	if h.do(touch); len(h.board.Stays) != board.MaxStays {
		t.Errorf("%d stays after 30 days", len(h.board.Stays))
	}
	h.in.Time = h.in.Time.Add(time.Millisecond)
	if h.do(touch); len(h.board.Stays) != 0 || h.board.Horizon(inbox.Everybody).Version != last {
		t.Errorf("%d stays after more, horizon %+v", len(h.board.Stays), h.board.Horizon(inbox.Everybody))
	}
	if got := h.board.Latest(inbox.Everybody); got != last {
		t.Errorf("the last event is %d, want %d", got, last)
	}
}

func TestHorizonsOfManyTopics(t *testing.T) {
	h := newJournal()
	for i := range board.MaxHorizons + 3 {
		h.do(notice(fmt.Sprint("topic:", i), "a")).do(takeBack(fmt.Sprint("topic:", i), "a"))
	}
	h.do(notice("all", "a")).do(takeBack("all", "a"))
	h.in.Time = morning.Add(board.StayAge + time.Second)
	h.do(touch)
	if n := len(h.board.Horizons); n != board.MaxHorizons+1 {
		t.Errorf("%d horizons, want those of %d topics and of everybody", n, board.MaxHorizons)
	}
	for audience, want := range map[string]uint64{"topic:0": 1006, "topic:2": 1006, "topic:never": 1006, "topic:3": 1008, "topic:1002": 3006, "all": 3008} {
		if got := h.board.Horizon(inbox.AudienceHash(audience)).Version; got != want {
			t.Errorf("horizon of %s is %d, want %d", audience, got, want)
		}
	}
}

func TestBegin(t *testing.T) {
	h := newJournal().do(notice("all", "a"))
	next := h.board.Begin(8, 5000)
	if s := &next.State; s.Epoch != 8 || s.Base != 5000 || s.Version != 5000 || items(s) != "[1001@1001]" {
		t.Errorf("got %+v", s)
	}
	if h.board.State.Epoch != 7 {
		t.Error("the board of before changed")
	}
	s := next.Show(inbox.State{Epoch: 7, Base: 1000, Version: 1003})
	if s.Epoch != 8 || s.Base != 5000 || s.Version != 1003 || s.Applied(inbox.Position{Epoch: 8}) {
		t.Errorf("a row of before is shown as %+v", s)
	}
}

// A touch leaves a board that never had a notice as older programs read it; from the first
// notice on rows keep as many removals as it says.
func TestKeepBeginsWithANotice(t *testing.T) {
	h := newJournal().do(touch).do(takeBack("all", "z"))
	if h.board.Keep != 0 || h.board.State.Version != 1002 || h.board.Newest() != 0 {
		t.Errorf("got %+v", h.board.Row)
	}
	if h.do(notice("all", "a")); h.board.Keep != 100 || h.board.Newest() != 1003 {
		t.Errorf("got %+v", h.board.Row)
	}
	h.in.Keep = 50
	if h.do(touch); h.board.Keep != 50 || h.board.Newest() != 1003 {
		t.Errorf("got %+v", h.board.Row)
	}
}

// A row that counts from another base than its board keeps it, and takes in nothing.
func TestARowOfAnotherBase(t *testing.T) {
	h := newJournal().do(notice("all", "a"))
	row := inbox.State{Epoch: 7, Base: 5000, Version: 5001}
	if h.board.Fits(&row) {
		t.Error("it fits")
	}
	own := inbox.Record{Kind: inbox.KindNotify, Notification: belfry.Notification{Source: "s", ID: "own", Title: belfry.PlainText("own")}}
	if effects := h.user(&row, own); effects.Outcome != inbox.Applied || row.Version != 5002 || row.Base != 5000 || items(&row) != "[5002@5002]" {
		t.Errorf("got %+v, %+v", effects, row)
	}
	if shown := h.board.Show(row); items(&shown) != "[5002@5002]" || shown.Version != 5002 || shown.Base != 5000 {
		t.Errorf("got %+v", shown)
	}
	before := inbox.State{Epoch: 6, Base: 3, Version: 4}
	if !h.board.Fits(&before) || !h.board.Fits(&inbox.State{}) {
		t.Error("a row of an earlier epoch, or none, does not fit")
	}
}

// A board of the users of several partitions that have no notices any more has their rows
// lose, behind a horizon, what they hold of those; ids and places of sources stay known.
func TestForget(t *testing.T) {
	one, two := newJournal(), newJournal()
	var row, other inbox.State
	routed := func(id string, offset int64) inbox.Record {
		r := notice("all", id)
		r.Origin = inbox.Origin{Rule: 7, Offset: offset}
		return r
	}
	one.do(routed("a", 5)).user(&row, own)
	one.do(takeBack("all", "a"))
	two.do(routed("b", 9)).do(notice("topic:t", "c")).do(takeBack("all", "b")).do(takeBack("topic:t", "c"))
	two.user(&other, subscribe)
	if len(row.Items) != 2 {
		t.Fatalf("the row has %s", items(&row))
	}
	const version = 1100
	b := board.New(board.Forget([]board.Row{one.board.Row, two.board.Row}, version, morning)).Begin(8, inbox.BaseStep)
	s := b.Show(row)
	if items(&s) != "[1002@1002]" || s.Version != version || s.Horizon != version || len(s.Removals) != 0 {
		t.Errorf("shown are items %s, version %d, horizon %d, removals %v", items(&s), s.Version, s.Horizon, s.Removals)
	}
	if s := b.Show(other); s.Version != version || s.Horizon != version {
		t.Errorf("of a topic: version %d, horizon %d", s.Version, s.Horizon)
	}
	if s := b.Show(inbox.State{}); s.Version != version || len(s.Items) != 0 {
		t.Errorf("of nobody: version %d, items %s", s.Version, items(&s))
	}
	in := inbox.Input{Position: inbox.Position{Epoch: 8}, Time: morning, Keep: 100}
	for _, r := range []inbox.Record{notice("all", "a"), notice("all", "b"), notice("topic:t", "c"), routed("new", 9)} {
		var effects inbox.Effects
		if b, effects = board.Fold(b, r, in); effects.Outcome != inbox.Duplicate {
			t.Errorf("%s is %s", r.Notification.ID, effects.Outcome)
		}
		in.Offset++
	}
	b, _ = board.Fold(b, notice("all", "d"), in)
	if s := b.Show(row); items(&s) != fmt.Sprintf("[1002@1002 %[1]d@%[1]d]", uint64(inbox.BaseStep+5)) {
		t.Errorf("after another one: items %s", items(&s))
	}
}
