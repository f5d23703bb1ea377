package inbox_test

import (
	"testing"

	"github.com/belfry/belfry/inbox"
)

type records = []inbox.Record

func TestNotify(t *testing.T) {
	runFoldCases(t, []foldCase{
		{name: "first", records: records{notify("a")},
			outcome: inbox.Applied, items: "1", item: 1},
		{name: "second", records: records{notify("a"), notify("b")},
			outcome: inbox.Applied, items: "1 2", item: 2},
		{name: "without an id nothing is recognised", records: records{notify(""), notify("")},
			outcome: inbox.Applied, items: "1 2", item: 2},
		{name: "duplicate id", records: records{notify("a"), notify("a")},
			outcome: inbox.Duplicate, items: "1"},
		{name: "duplicate of what was read and archived", records: records{
			notify("a"), seqs(read, 1), seqs(archive, 1), notify("a")},
			outcome: inbox.Duplicate, items: "1ra"},
		{name: "duplicate of what was deleted", records: records{notify("a"), seqs(remove, 1), notify("a")},
			outcome: inbox.Duplicate, removals: "1@2"},
		{name: "duplicate of what was replaced", records: records{
			notify("a", collapse("k")), notify("b", collapse("k")), notify("a", collapse("k"))},
			outcome: inbox.Duplicate, items: "2x2<1", removals: "1@2"},
		{name: "same id of another source", records: records{
			notify("a"), notify("a", func(r *inbox.Record) { r.Notification.Source = "board" })},
			outcome: inbox.Applied, items: "1 2", item: 2},
		{name: "same id of another rule", records: records{notify("a", rule("x")), notify("a", rule("y"))},
			outcome: inbox.Applied, items: "1 2", item: 2},
		{name: "duplicate within a rule", records: records{notify("a", rule("x")), notify("a", rule("x"))},
			outcome: inbox.Duplicate, items: "1"},
	})
}

func TestNotifyWatermark(t *testing.T) {
	runFoldCases(t, []foldCase{
		{name: "same position", records: records{notify("a", routed(0, 5, 0)), notify("b", routed(0, 5, 0))},
			outcome: inbox.Duplicate, items: "1"},
		{name: "earlier position", records: records{notify("a", routed(0, 5, 0)), notify("b", routed(0, 4, 9))},
			outcome: inbox.Duplicate, items: "1"},
		{name: "next index", records: records{notify("a", routed(0, 5, 0)), notify("b", routed(0, 5, 1))},
			outcome: inbox.Applied, items: "1 2", item: 2},
		{name: "next offset", records: records{notify("a", routed(0, 5, 3)), notify("b", routed(0, 6, 0))},
			outcome: inbox.Applied, items: "1 2", item: 2},
		{name: "another partition", records: records{notify("a", routed(0, 5, 0)), notify("b", routed(1, 5, 0))},
			outcome: inbox.Applied, items: "1 2", item: 2},
		{name: "another topic", records: records{notify("a", routed(0, 5, 0)),
			notify("b", routed(0, 5, 0), func(r *inbox.Record) { r.Origin.TopicID[15] = 1 })},
			outcome: inbox.Applied, items: "1 2", item: 2},
		{name: "another rule", records: records{notify("a", routed(0, 5, 0)),
			notify("b", routed(0, 5, 0), func(r *inbox.Record) { r.Origin.Rule = inbox.RuleHash("x") })},
			outcome: inbox.Applied, items: "1 2", item: 2},
		{name: "no origin never meets a watermark", records: records{notify("a", routed(0, 5, 0)), notify("b")},
			outcome: inbox.Applied, items: "1 2", item: 2},
		{name: "moves although the id tells the duplicate", records: records{
			notify("a", routed(0, 5, 0)), notify("a", routed(0, 6, 0)), notify("b", routed(0, 6, 0))},
			outcome: inbox.Duplicate, items: "1"},
		{name: "moves although it came expired", records: records{
			notify("a", routed(0, 5, 0), expires(0)), notify("b", routed(0, 5, 0))},
			outcome: inbox.Duplicate, removals: "0@1"},
		{name: "of a retraction", records: records{notify("a"), retract("x", routed(0, 5, 0)), notify("b", routed(0, 5, 0))},
			outcome: inbox.Duplicate, items: "1", removals: "0@2"},
		{name: "holds for a retraction", records: records{notify("a", routed(0, 5, 0)), retract("a", routed(0, 5, 0))},
			outcome: inbox.Duplicate, items: "1"},
		{name: "outlives an erasure", records: records{notify("a", routed(0, 5, 0)), erase(), notify("b", routed(0, 5, 0))},
			outcome: inbox.Duplicate, removals: "1@2"},
	})
}

func TestWatermarksForgetTheLeastRecent(t *testing.T) {
	h := newHistory(t)
	for p := range int32(inbox.MaxWatermarks) {
		h.do(notify("", routed(p, 0, 0)))
	}
	// Partition 0 is used again, so 1 is now the least recent: it goes.
	h.do(notify("", routed(0, 0, 0)), notify("", routed(inbox.MaxWatermarks, 0, 0)))
	if got := len(h.state.Watermarks); got != inbox.MaxWatermarks {
		t.Fatalf("%d watermarks, want %d", got, inbox.MaxWatermarks)
	}
	for _, c := range []struct {
		partition int32
		want      inbox.Outcome
	}{{0, inbox.Duplicate}, {2, inbox.Duplicate}, {inbox.MaxWatermarks, inbox.Duplicate}, {1, inbox.Applied}} {
		if h.do(notify("", routed(c.partition, 0, 0))); h.effects.Outcome != c.want {
			t.Errorf("partition %d: %s, want %s", c.partition, h.effects.Outcome, c.want)
		}
	}
}

func TestCollapse(t *testing.T) {
	k := collapse("k")
	runFoldCases(t, []foldCase{
		{name: "replaces", records: records{notify("a", k), notify("b", k)},
			outcome: inbox.Applied, items: "2x2<1", removals: "1@2", removed: []uint64{1}, item: 2},
		{name: "generations", records: records{notify("a", k), notify("b", k), notify("c"), notify("d", k)},
			outcome: inbox.Applied, items: "3 4x3<2", removals: "1@2 2@4", removed: []uint64{2}, item: 4},
		{name: "is unread and unseen again, and the count starts anew", records: records{notify("a", k), seqs(read, 1), notify("b", k)},
			outcome: inbox.Applied, items: "3x1<1", removals: "1@3", removed: []uint64{1}, item: 3},
		{name: "another key", records: records{notify("a", k), notify("b", collapse("l"))},
			outcome: inbox.Applied, items: "1 2", item: 2},
		{name: "no key", records: records{notify("a"), notify("b")},
			outcome: inbox.Applied, items: "1 2", item: 2},
		{name: "leaves an archived one", records: records{notify("a", k), seqs(archive, 1), notify("b", k)},
			outcome: inbox.Applied, items: "1a 3", item: 3},
		{name: "newest of two after unarchive", records: records{notify("a", k), seqs(archive, 1),
			notify("b", k), seqs(unarchive, 1), notify("c", k)},
			outcome: inbox.Applied, items: "1 5x2<3", removals: "3@5", removed: []uint64{3}, item: 5},
		{name: "older one after the newer is archived", records: records{notify("a", k), seqs(archive, 1),
			notify("b", k), seqs(unarchive, 1), seqs(archive, 3), notify("c", k)},
			outcome: inbox.Applied, items: "3a 6x2<1", removals: "1@6", removed: []uint64{1}, item: 6},
		{name: "begins anew after delete", records: records{notify("a", k), notify("b", k), seqs(remove, 2), notify("c", k)},
			outcome: inbox.Applied, items: "4", removals: "1@2 2@3", item: 4},
		{name: "begins anew after expiry", records: records{notify("a", k, expires(1)), notify("b", k)},
			outcome: inbox.Applied, items: "2", removals: "1@2", removed: []uint64{1}, item: 2},
		{name: "duplicate does not count", records: records{notify("a", k), notify("a", k)},
			outcome: inbox.Duplicate, items: "1"},
	})
}

func TestCap(t *testing.T) {
	runFoldCases(t, []foldCase{
		{name: "at the cap", cap: 2, records: records{notify("a"), notify("b")},
			outcome: inbox.Applied, items: "1 2", item: 2},
		{name: "the oldest goes", cap: 2, records: records{notify("a"), notify("b"), notify("c")},
			outcome: inbox.Applied, items: "2 3", removals: "1@3", removed: []uint64{1}, item: 3},
		{name: "archived ones count and go", cap: 2, records: records{
			notify("a"), notify("b"), seqs(archive, 1), notify("c")},
			outcome: inbox.Applied, items: "2 4", removals: "1@4", removed: []uint64{1}, item: 4},
		{name: "collapse makes room first", cap: 2, records: records{
			notify("a"), notify("b", collapse("k")), notify("c", collapse("k"))},
			outcome: inbox.Applied, items: "1 3x2<2", removals: "2@3", removed: []uint64{2}, item: 3},
		{name: "an expired one makes room first", cap: 2, records: records{
			notify("a"), notify("b", expires(2)), notify("c")},
			outcome: inbox.Applied, items: "1 3", removals: "2@3", removed: []uint64{2}, item: 3},
		{name: "what fell over is recognised", cap: 1, records: records{notify("a"), notify("b"), notify("a")},
			outcome: inbox.Duplicate, items: "2", removals: "1@2"},
		{name: "a duplicate evicts nothing", cap: 1, records: records{notify("a"), notify("a")},
			outcome: inbox.Duplicate, items: "1"},
	})

	t.Run("lowered", func(t *testing.T) {
		h := newHistory(t).do(notify("a"), notify("b"), notify("c"))
		h.in.Cap = 1
		if h.do(touch()); items(h.state) != "3" || removals(h.state) != "1@4 2@4" {
			t.Errorf("items = %q, removals = %q, want the newest only and all of this record remembered", items(h.state), removals(h.state))
		}
	})
	for _, unset := range []int{0, -1} {
		h := newHistory(t)
		h.in.Cap = unset
		for range inbox.DefaultCap + 1 {
			h.do(notify(""))
		}
		if got := len(h.state.Items); got != inbox.DefaultCap {
			t.Errorf("cap %d keeps %d items, want the default of %d", unset, got, inbox.DefaultCap)
		}
	}
}

func TestExpiredOnArrival(t *testing.T) {
	runFoldCases(t, []foldCase{
		{name: "at its time", records: records{notify("a", expires(0))},
			outcome: inbox.Expired, removals: "0@1"},
		{name: "before its time", records: records{notify("a", expires(1))},
			outcome: inbox.Applied, items: "1", item: 1},
		{name: "recognised again", records: records{notify("a", expires(0)), notify("a", expires(99))},
			outcome: inbox.Duplicate, removals: "0@1"},
		{name: "nothing to remember without an id", records: records{notify("", expires(0))},
			outcome: inbox.Expired},
		{name: "replaces nothing", records: records{notify("a", collapse("k")), notify("b", collapse("k"), expires(0))},
			outcome: inbox.Expired, items: "1", removals: "0@2"},
		{name: "before 1970 is long ago, not never", records: records{notify("a", func(r *inbox.Record) {
			r.Notification.ExpiresAt = clock(0).AddDate(-100, 0, 0)
		})}, outcome: inbox.Expired, removals: "0@1"},
	})
}
