package inbox_test

import (
	"testing"

	"github.com/belfry/belfry/inbox"
)

func TestEraseAndTouch(t *testing.T) {
	runFoldCases(t, []foldCase{
		{name: "erase takes all", records: records{notify("a"), notify("b"), seqs(archive, 1), erase()},
			outcome: inbox.Applied, removals: "1@4 2@4", removed: []uint64{1, 2}},
		{name: "erase of nobody", records: records{erase()}, outcome: inbox.Unchanged},
		{name: "versions go on", records: records{notify("a"), erase(), notify("b")},
			outcome: inbox.Applied, items: "3", removals: "1@2", item: 3},
		{name: "what was erased is recognised", records: records{notify("a"), erase(), notify("a")},
			outcome: inbox.Duplicate, removals: "1@2"},
		{name: "the stub keeps older removals", records: records{notify("a"), retract("a"), retract("z"), notify("b"), erase()},
			outcome: inbox.Applied, removals: "1@2 0@3 4@5", removed: []uint64{4}},
		{name: "touch", records: records{notify("a"), touch()}, outcome: inbox.Unchanged, items: "1"},
		{name: "touch of nobody", records: records{touch()}, outcome: inbox.Unchanged},
	})
}
