package inbox_test

import (
	"testing"

	"github.com/belfry/belfry/inbox"
)

const (
	seen      = inbox.KindSeen
	read      = inbox.KindRead
	unread    = inbox.KindUnread
	archive   = inbox.KindArchive
	unarchive = inbox.KindUnarchive
	remove    = inbox.KindDelete
)

func after(rs records, more ...inbox.Record) records { return append(rs[:len(rs):len(rs)], more...) }

func TestCommandsBySeq(t *testing.T) {
	three := records{notify("a"), notify("b"), notify("c")}
	runFoldCases(t, []foldCase{
		{name: "seen", records: after(three, seqs(seen, 1, 3)), outcome: inbox.Applied, items: "1s 2 3s"},
		{name: "read implies seen", records: after(three, seqs(read, 2)), outcome: inbox.Applied, items: "1 2r 3"},
		{name: "unread stays seen", records: after(three, seqs(read, 2), seqs(unread, 2)), outcome: inbox.Applied, items: "1 2s 3"},
		{name: "read after seen", records: after(three, seqs(seen, 2), seqs(read, 2)), outcome: inbox.Applied, items: "1 2r 3"},
		{name: "archive keeps unread", records: after(three, seqs(archive, 2)), outcome: inbox.Applied, items: "1 2a 3"},
		{name: "archive keeps read", records: after(three, seqs(read, 2), seqs(archive, 2)), outcome: inbox.Applied, items: "1 2ra 3"},
		{name: "unarchive keeps read", records: after(three, seqs(read, 2), seqs(archive, 2), seqs(unarchive, 2)),
			outcome: inbox.Applied, items: "1 2r 3"},
		{name: "archived can be read by seq", records: after(three, seqs(archive, 2), seqs(read, 2)),
			outcome: inbox.Applied, items: "1 2ra 3"},
		{name: "delete", records: after(three, seqs(remove, 3, 1)), outcome: inbox.Applied,
			items: "2", removals: "1@4 3@4", removed: []uint64{1, 3}},
		{name: "delete archived", records: after(three, seqs(archive, 2), seqs(remove, 2)), outcome: inbox.Applied,
			items: "1 3", removals: "2@5", removed: []uint64{2}},
		{name: "a seq twice", records: after(three, seqs(remove, 2, 2)), outcome: inbox.Applied,
			items: "1 3", removals: "2@4", removed: []uint64{2}},
		{name: "some unknown", records: after(three, seqs(read, 99, 2, 0)), outcome: inbox.Applied, items: "1 2r 3"},
		{name: "all unknown", records: after(three, seqs(read, 99)), outcome: inbox.Unchanged, items: "1 2 3"},
		{name: "its own seq", records: after(three, seqs(read, 4)), outcome: inbox.Unchanged, items: "1 2 3"},
		{name: "nobody", records: records{seqs(read, 1)}, outcome: inbox.Unchanged},
		{name: "unread of unread", records: after(three, seqs(unread, 2)), outcome: inbox.Unchanged, items: "1 2 3"},
		{name: "unarchive of unarchived", records: after(three, seqs(unarchive, 2)), outcome: inbox.Unchanged, items: "1 2 3"},
		{name: "seqs beside up_to", records: after(three, inbox.Record{Kind: read, Seqs: []uint64{3}, UpTo: 1}),
			outcome: inbox.Applied, items: "1r 2 3r"},
		{name: "neither", records: after(three, inbox.Record{Kind: read}), outcome: inbox.Unchanged, items: "1 2 3"},
		{name: "unknown kind", records: after(three, inbox.Record{Kind: 200, Seqs: []uint64{1}, UpTo: 3}),
			outcome: inbox.Unchanged, items: "1 2 3"},
	})
	for _, k := range []inbox.Kind{seen, read, archive} {
		t.Run("repeat of "+k.String(), func(t *testing.T) {
			h := newHistory(t).do(three...).do(seqs(k, 2))
			once := h.state
			h.do(seqs(k, 2))
			if h.effects.Outcome != inbox.Unchanged {
				t.Errorf("outcome = %s, want %s", h.effects.Outcome, inbox.Unchanged)
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
		{name: "seen", records: after(rows, upTo(seen, 3, "")), outcome: inbox.Applied, items: "1s 2s 3s 4a 6"},
		{name: "read", records: after(rows, upTo(read, 6, "")), outcome: inbox.Applied, items: "1r 2r 3r 4a 6r"},
		{name: "what arrived in between stays", records: after(rows, upTo(read, 2, "")), outcome: inbox.Applied, items: "1r 2r 3 4a 6"},
		{name: "read of a category", records: after(rows, upTo(read, 6, "order")), outcome: inbox.Applied, items: "1r 2 3r 4a 6"},
		{name: "category and horizon", records: after(rows, upTo(read, 2, "order")), outcome: inbox.Applied, items: "1r 2 3 4a 6"},
		{name: "unknown category", records: after(rows, upTo(read, 6, "x")), outcome: inbox.Unchanged, items: "1 2 3 4a 6"},
		{name: "archive", records: after(rows, upTo(archive, 3, "")), outcome: inbox.Applied, items: "1a 2a 3a 4a 6"},
		{name: "delete spares the archived", records: after(rows, upTo(remove, 6, "order")), outcome: inbox.Applied,
			items: "2 4a 6", removals: "1@7 3@7", removed: []uint64{1, 3}},
		{name: "up to a seq that is gone", records: after(rows, seqs(remove, 2), upTo(read, 2, "")), outcome: inbox.Applied,
			items: "1r 3 4a 6", removals: "2@7"},
		{name: "a horizon ahead reaches only what there is", records: after(rows, upTo(read, 1<<63, ""), notify("f")),
			outcome: inbox.Applied, items: "1r 2r 3r 4a 6r 8", item: 8},
		{name: "back from the archive since", records: after(rows, seqs(unarchive, 4), upTo(read, 6, "")),
			outcome: inbox.Applied, items: "1r 2r 3r 4 6r"},
		{name: "back from the archive before", records: after(rows, seqs(unarchive, 4), upTo(read, 7, "")),
			outcome: inbox.Applied, items: "1r 2r 3r 4r 6r"},
		{name: "delete spares what is back from the archive since", records: after(rows, seqs(unarchive, 4), upTo(remove, 6, "order")),
			outcome: inbox.Applied, items: "2 4 6", removals: "1@8 3@8", removed: []uint64{1, 3}},
		{name: "unread takes no horizon", records: after(rows, upTo(read, 6, ""), upTo(unread, 6, "")),
			outcome: inbox.Unchanged, items: "1r 2r 3r 4a 6r"},
		{name: "unarchive takes no horizon", records: after(rows, upTo(unarchive, 6, "")),
			outcome: inbox.Unchanged, items: "1 2 3 4a 6"},
	})
}
