package inbox_test

import (
	"testing"

	"github.com/belfry/belfry/inbox"
)

func TestRetract(t *testing.T) {
	k := collapse("k")
	runFoldCases(t, []foldCase{
		{name: "by id", records: records{notify("a"), notify("b"), retract("a")}, outcome: inbox.Applied,
			items: "2", removals: "1@3", removed: []uint64{1}},
		{name: "of another source", records: records{notify("a"), with(retract("a"), func(r *inbox.Record) { r.Retraction.Source = "board" })},
			outcome: inbox.Applied, items: "1", removals: "0@2"},
		{name: "of another rule", records: records{notify("a", rule("x")), retract("a")},
			outcome: inbox.Applied, items: "1", removals: "0@2"},
		{name: "of the same rule", records: records{notify("a", rule("x")), retract("a", rule("x"))},
			outcome: inbox.Applied, removals: "1@2", removed: []uint64{1}},
		{name: "archived", records: records{notify("a"), seqs(archive, 1), retract("a")}, outcome: inbox.Applied,
			removals: "1@3", removed: []uint64{1}},
		{name: "twice", records: records{notify("a"), retract("a"), retract("a")}, outcome: inbox.Unchanged, removals: "1@2"},
		{name: "before its notify", records: records{retract("a")}, outcome: inbox.Applied, removals: "0@1"},
		{name: "before its notify, twice", records: records{retract("a"), retract("a")}, outcome: inbox.Unchanged, removals: "0@1"},
		{name: "the notify then comes", records: records{retract("a"), notify("a")}, outcome: inbox.Duplicate, removals: "0@1"},
		{name: "of a replaced member", records: records{notify("a", k), notify("b", k), retract("a")},
			outcome: inbox.Unchanged, items: "2x2<1", removals: "1@2"},
		{name: "of the one shown", records: records{notify("a", k), notify("b", k), retract("b")},
			outcome: inbox.Applied, removals: "1@2 2@3", removed: []uint64{2}},
		{name: "of what the user deleted", records: records{notify("a"), seqs(remove, 1), retract("a")},
			outcome: inbox.Unchanged, removals: "1@2"},
		{name: "by key", records: records{notify("a", k), notify("b"), notify("c", k), retractKey("k")},
			outcome: inbox.Applied, items: "2", removals: "1@3 3@4", removed: []uint64{3}},
		{name: "by key, archived too", records: records{notify("a", k), seqs(archive, 1), notify("b", k), retractKey("k")},
			outcome: inbox.Applied, removals: "1@4 3@4", removed: []uint64{1, 3}},
		{name: "unknown key is not remembered", records: records{retractKey("k")}, outcome: inbox.Unchanged},
		{name: "unknown key before its notify", records: records{retractKey("k"), notify("a", k)},
			outcome: inbox.Applied, items: "2", item: 2},
		{name: "nothing named", records: records{notify(""), retract("")}, outcome: inbox.Unchanged, items: "1"},
	})
}
