package inbox_test

import (
	"fmt"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

// Three records of a user's journal make a badge: two notifications come, and the
// first one is read.
func ExampleFold() {
	now := time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC)
	records := []inbox.Record{
		{Kind: inbox.KindNotify, Notification: belfry.Notification{ID: "1", Title: belfry.PlainText("Order shipped"), Category: "orders"}},
		{Kind: inbox.KindNotify, Notification: belfry.Notification{ID: "2", Title: belfry.PlainText("Please approve"), Category: "approvals"}},
		{Kind: inbox.KindRead, Seqs: []uint64{1}},
	}
	var row inbox.State
	for offset, record := range records {
		var effects inbox.Effects
		row, effects = inbox.Fold(row, record, inbox.Input{Position: inbox.Position{Epoch: 7, Offset: int64(offset)}, Time: now})
		fmt.Printf("%s: %s, %d unread\n", record.Kind, effects.Outcome, row.Counts(now).Unread)
	}
	badge := row.Badge(now)
	fmt.Printf("version %s: %d unread, %d of them in approvals\n", badge.Stamp, badge.Unread, badge.Categories["approvals"].Unread)
	// Output:
	// notify: applied, 1 unread
	// notify: applied, 2 unread
	// read: applied, 1 unread
	// version 7.3.0: 1 unread, 1 of them in approvals
}
