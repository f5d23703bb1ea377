package belfry_test

import (
	"testing"

	"github.com/belfry/belfry"
)

const (
	seen      = belfry.KindSeen
	read      = belfry.KindRead
	unread    = belfry.KindUnread
	archive   = belfry.KindArchive
	unarchive = belfry.KindUnarchive
	remove    = belfry.KindDelete
)

func after(rs records, more ...belfry.Record) records { return append(rs[:len(rs):len(rs)], more...) }

func TestCommandsBySeq(t *testing.T) {
	three := records{notify("a"), notify("b"), notify("c")}
	runFoldCases(t, []foldCase{
		{name: "seen", records: after(three, seqs(seen, 1, 3)), outcome: belfry.Applied, items: "1s 2 3s"},
		{name: "read implies seen", records: after(three, seqs(read, 2)), outcome: belfry.Applied, items: "1 2r 3"},
		{name: "unread stays seen", records: after(three, seqs(read, 2), seqs(unread, 2)), outcome: belfry.Applied, items: "1 2s 3"},
		{name: "read after seen", records: after(three, seqs(seen, 2), seqs(read, 2)), outcome: belfry.Applied, items: "1 2r 3"},
		{name: "archive keeps unread", records: after(three, seqs(archive, 2)), outcome: belfry.Applied, items: "1 2a 3"},
		{name: "archive keeps read", records: after(three, seqs(read, 2), seqs(archive, 2)), outcome: belfry.Applied, items: "1 2ra 3"},
		{name: "unarchive keeps read", records: after(three, seqs(read, 2), seqs(archive, 2), seqs(unarchive, 2)),
			outcome: belfry.Applied, items: "1 2r 3"},
		{name: "archived can be read by seq", records: after(three, seqs(archive, 2), seqs(read, 2)),
			outcome: belfry.Applied, items: "1 2ra 3"},
		{name: "delete", records: after(three, seqs(remove, 3, 1)), outcome: belfry.Applied,
			items: "2", removals: "1@4 3@4", removed: []uint64{1, 3}},
		{name: "delete archived", records: after(three, seqs(archive, 2), seqs(remove, 2)), outcome: belfry.Applied,
			items: "1 3", removals: "2@5", removed: []uint64{2}},
		{name: "a seq twice", records: after(three, seqs(remove, 2, 2)), outcome: belfry.Applied,
			items: "1 3", removals: "2@4", removed: []uint64{2}},
		{name: "some unknown", records: after(three, seqs(read, 99, 2, 0)), outcome: belfry.Applied, items: "1 2r 3"},
		{name: "all unknown", records: after(three, seqs(read, 99)), outcome: belfry.Unchanged, items: "1 2 3"},
		{name: "its own seq", records: after(three, seqs(read, 4)), outcome: belfry.Unchanged, items: "1 2 3"},
		{name: "nobody", records: records{seqs(read, 1)}, outcome: belfry.Unchanged},
		{name: "unread of unread", records: after(three, seqs(unread, 2)), outcome: belfry.Unchanged, items: "1 2 3"},
		{name: "unarchive of unarchived", records: after(three, seqs(unarchive, 2)), outcome: belfry.Unchanged, items: "1 2 3"},
		{name: "seqs win over up_to", records: after(three, belfry.Record{Kind: read, Seqs: []uint64{1}, UpTo: 3}),
			outcome: belfry.Applied, items: "1r 2 3"},
		{name: "neither", records: after(three, belfry.Record{Kind: read}), outcome: belfry.Unchanged, items: "1 2 3"},
		{name: "unknown kind", records: after(three, belfry.Record{Kind: 200, Seqs: []uint64{1}, UpTo: 3}),
			outcome: belfry.Unchanged, items: "1 2 3"},
	})
	for _, k := range []belfry.Kind{seen, read, archive} {
		t.Run("repeat of "+k.String(), func(t *testing.T) {
			h := newHistory(t).do(three...).do(seqs(k, 2))
			once := h.state
			h.do(seqs(k, 2))
			if h.effects.Outcome != belfry.Unchanged {
				t.Errorf("outcome = %s, want %s", h.effects.Outcome, belfry.Unchanged)
			}
			// Only the version of the row may tell the two apart.
			once.Version = h.state.Version
			if !sameRow(once, h.state) {
				t.Errorf("row is\n%s\nwant\n%s", row(h.state), row(once))
			}
		})
	}
}

func TestCommandsUpTo(t *testing.T) {
	// 1 order, 2 board, 3 order, 4 order and archived (by 5), 6 none.
	rows := records{notify("a", category("order")), notify("b", category("board")), notify("c", category("order")),
		notify("d", category("order")), seqs(archive, 4), notify("e")}
	runFoldCases(t, []foldCase{
		{name: "seen", records: after(rows, upTo(seen, 3, "")), outcome: belfry.Applied, items: "1s 2s 3s 4a 6"},
		{name: "read", records: after(rows, upTo(read, 6, "")), outcome: belfry.Applied, items: "1r 2r 3r 4a 6r"},
		{name: "what arrived in between stays", records: after(rows, upTo(read, 2, "")), outcome: belfry.Applied, items: "1r 2r 3 4a 6"},
		{name: "read of a category", records: after(rows, upTo(read, 6, "order")), outcome: belfry.Applied, items: "1r 2 3r 4a 6"},
		{name: "category and horizon", records: after(rows, upTo(read, 2, "order")), outcome: belfry.Applied, items: "1r 2 3 4a 6"},
		{name: "unknown category", records: after(rows, upTo(read, 6, "x")), outcome: belfry.Unchanged, items: "1 2 3 4a 6"},
		{name: "archive", records: after(rows, upTo(archive, 3, "")), outcome: belfry.Applied, items: "1a 2a 3a 4a 6"},
		{name: "delete spares the archived", records: after(rows, upTo(remove, 6, "order")), outcome: belfry.Applied,
			items: "2 4a 6", removals: "1@7 3@7", removed: []uint64{1, 3}},
		{name: "up to a seq that is gone", records: after(rows, seqs(remove, 2), upTo(read, 2, "")), outcome: belfry.Applied,
			items: "1r 3 4a 6", removals: "2@7"},
		{name: "a horizon ahead reaches only what there is", records: after(rows, upTo(read, 1<<63, ""), notify("f")),
			outcome: belfry.Applied, items: "1r 2r 3r 4a 6r 8", item: 8},
		{name: "unread takes no horizon", records: after(rows, upTo(read, 6, ""), upTo(unread, 6, "")),
			outcome: belfry.Unchanged, items: "1r 2r 3r 4a 6r"},
		{name: "unarchive takes no horizon", records: after(rows, upTo(unarchive, 6, "")),
			outcome: belfry.Unchanged, items: "1 2 3 4a 6"},
	})
}

func TestRetract(t *testing.T) {
	k := collapse("k")
	runFoldCases(t, []foldCase{
		{name: "by id", records: records{notify("a"), notify("b"), retract("a")}, outcome: belfry.Applied,
			items: "2", removals: "1@3", removed: []uint64{1}},
		{name: "of another source", records: records{notify("a"), with(retract("a"), func(r *belfry.Record) { r.Retraction.Source = "board" })},
			outcome: belfry.Applied, items: "1", removals: "0@2"},
		{name: "of another rule", records: records{notify("a", rule("x")), retract("a")},
			outcome: belfry.Applied, items: "1", removals: "0@2"},
		{name: "of the same rule", records: records{notify("a", rule("x")), retract("a", rule("x"))},
			outcome: belfry.Applied, removals: "1@2", removed: []uint64{1}},
		{name: "archived", records: records{notify("a"), seqs(archive, 1), retract("a")}, outcome: belfry.Applied,
			removals: "1@3", removed: []uint64{1}},
		{name: "twice", records: records{notify("a"), retract("a"), retract("a")}, outcome: belfry.Unchanged, removals: "1@2"},
		{name: "before its notify", records: records{retract("a")}, outcome: belfry.Applied, removals: "0@1"},
		{name: "before its notify, twice", records: records{retract("a"), retract("a")}, outcome: belfry.Unchanged, removals: "0@1"},
		{name: "the notify then comes", records: records{retract("a"), notify("a")}, outcome: belfry.Duplicate, removals: "0@1"},
		{name: "of a replaced member", records: records{notify("a", k), notify("b", k), retract("a")},
			outcome: belfry.Unchanged, items: "2x2<1", removals: "1@2"},
		{name: "of the one shown", records: records{notify("a", k), notify("b", k), retract("b")},
			outcome: belfry.Applied, removals: "1@2 2@3", removed: []uint64{2}},
		{name: "of what the user deleted", records: records{notify("a"), seqs(remove, 1), retract("a")},
			outcome: belfry.Unchanged, removals: "1@2"},
		{name: "by key", records: records{notify("a", k), notify("b"), notify("c", k), retractKey("k")},
			outcome: belfry.Applied, items: "2", removals: "1@3 3@4", removed: []uint64{3}},
		{name: "by key, archived too", records: records{notify("a", k), seqs(archive, 1), notify("b", k), retractKey("k")},
			outcome: belfry.Applied, removals: "1@4 3@4", removed: []uint64{1, 3}},
		{name: "unknown key is not remembered", records: records{retractKey("k")}, outcome: belfry.Unchanged},
		{name: "unknown key before its notify", records: records{retractKey("k"), notify("a", k)},
			outcome: belfry.Applied, items: "2", item: 2},
		{name: "nothing named", records: records{notify(""), retract("")}, outcome: belfry.Unchanged, items: "1"},
	})
}

func TestEraseAndTouch(t *testing.T) {
	runFoldCases(t, []foldCase{
		{name: "erase takes all", records: records{notify("a"), notify("b"), seqs(archive, 1), erase()},
			outcome: belfry.Applied, removals: "1@4 2@4", removed: []uint64{1, 2}},
		{name: "erase of nobody", records: records{erase()}, outcome: belfry.Unchanged},
		{name: "versions go on", records: records{notify("a"), erase(), notify("b")},
			outcome: belfry.Applied, items: "3", removals: "1@2", item: 3},
		{name: "what was erased is recognised", records: records{notify("a"), erase(), notify("a")},
			outcome: belfry.Duplicate, removals: "1@2"},
		{name: "the stub keeps older removals", records: records{notify("a"), retract("a"), retract("z"), notify("b"), erase()},
			outcome: belfry.Applied, removals: "1@2 0@3 4@5", removed: []uint64{4}},
		{name: "touch", records: records{notify("a"), touch()}, outcome: belfry.Unchanged, items: "1"},
		{name: "touch of nobody", records: records{touch()}, outcome: belfry.Unchanged},
	})
}
