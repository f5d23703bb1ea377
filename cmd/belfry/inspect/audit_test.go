package inspect

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
	"github.com/belfry/belfry/internal/userdata"
	"github.com/belfry/belfry/upkeep"
)

// An audit counts notices as users are shown them, whether their rows store what they did to
// them or not, and looks for their contents under the partition's key.
func TestAuditKnowsTheBoard(t *testing.T) {
	now := time.Date(2026, 11, 29, 9, 0, 0, 0, time.UTC)
	at := func(offset int64) inbox.Input {
		return inbox.Input{Position: inbox.Position{Epoch: 7, Offset: offset}, Time: now, Keep: 100}
	}
	on := new(board.Board).Begin(7, 0)
	rows := map[string]inbox.State{}
	do := func(offset int64, user string, r inbox.Record) {
		row := rows[user]
		on.Apply(&row, &r, at(offset))
		rows[user] = row
	}
	announce := func(offset int64, id, category string) {
		on, _ = board.Fold(on, inbox.Record{Kind: inbox.KindNotify, Notification: belfry.Notification{Audience: "all", ID: id, Title: belfry.PlainText(id), Category: category}}, at(offset))
	}
	do(0, "late", inbox.Record{Kind: inbox.KindSeen})
	announce(1, "a", "news") // 2
	announce(2, "b", "")     // 3
	do(3, "kim", inbox.Record{Kind: inbox.KindRead, Seqs: []uint64{2}})
	held := &tables{
		Partition: &userdata.Partition{Rows: map[string][]byte{}, Board: on}, own: belfry.PartitionKey(0),
		contents: map[inbox.ContentKey]content{
			{Recipient: belfry.PartitionKey(0), Seq: 2}: {seq: 2, category: "news", expiresAt: now.AddDate(0, 0, 1)},
			{Recipient: belfry.PartitionKey(0), Seq: 3}: {seq: 3},
		},
	}
	for user, row := range rows {
		b, err := codec.EncodeState(&row)
		if err != nil {
			t.Fatal(err)
		}
		held.Rows[user] = b
	}
	for user, unread := range map[string]int{"kim": 1, "late": 2} {
		if w := held.recount(user, nil, now); len(w.Findings) > 0 || w.Badge.Unread != unread || w.Recount.Unread != unread || w.Version < 3 {
			t.Errorf("%s: got %+v, want %d unread and nothing wrong", user, w, unread)
		}
	}
	delete(held.contents, inbox.ContentKey{Recipient: held.own, Seq: 3})
	for user, unread := range map[string]int{"kim": 1, "late": 2} {
		w := held.recount(user, nil, now)
		if fmt.Sprint(w.Findings) != fmt.Sprint([]upkeep.Finding{upkeep.FindingMissing}) || !slices.Equal(w.Missing, []uint64{3}) || w.Drift != 1 || w.Badge.Unread != unread {
			t.Errorf("%s without a content: got %+v", user, w)
		}
		if w := held.recount(user, []uint64{}, now); w.waiting != 1 || len(w.Findings) > 0 {
			t.Errorf("%s while it may be on its way: got %+v", user, w)
		}
	}
}
