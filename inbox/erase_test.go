package inbox_test

import (
	"slices"
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

func TestEraseEndpoints(t *testing.T) {
	r := reachedRow(t)
	r.fold(endpoint(inbox.EndpointWebPush, "a"))
	r.fold(inbox.Record{Kind: inbox.KindPrefs, Prefs: []byte(`{"zone":"Asia/Seoul"}`)})
	r.fold(notify("a"))
	r.fold(tell("push", r.row.Version, 3))
	if e := r.fold(inbox.Record{Kind: inbox.KindErase}); e.Outcome != inbox.Applied || !slices.Equal(e.GoneEndpoints, []uint64{1}) {
		t.Errorf("got %+v", e)
	}
	reach := r.row.Reach
	if reach.Prefs != nil || len(reach.Endpoints)+len(reach.Channels)+len(reach.Items)+len(reach.From) > 0 {
		t.Errorf("got %+v, want nothing of the user", reach)
	}
	if reach.PrefsVersion != 5 || reach.EndpointsVersion != 5 {
		t.Errorf("preferences changed at %d, endpoints at %d, want 5", reach.PrefsVersion, reach.EndpointsVersion)
	}
	if e := r.fold(tell("push", 4, 3)); e.Outcome != inbox.Outdated {
		t.Errorf("a tell of before: %s", e.Outcome)
	}
}

// A row of a partition that never had a notice does not get to know of the capability.
func TestEraseJoinsWithABoardAlone(t *testing.T) {
	h := newHistory(t)
	if h.do(notify("a"), erase()); h.state.Joined {
		t.Error("joined without a board")
	}
	h.in.Keep = 100
	if h.do(erase()); !h.state.Joined {
		t.Error("not joined")
	}
}
