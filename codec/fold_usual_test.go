package codec

import (
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

// All that routers write is read by the fold's own reader, and not by the whole one that it
// leaves to what is rare: both give the same, so that nothing else would tell.
func TestFoldReadsWhatIsUsual(t *testing.T) {
	at := time.UnixMilli(1_790_000_000_123)
	plain := belfry.Notification{ID: "1", Source: "orders", Title: belfry.PlainText("x"), Time: at}
	whole := belfry.Notification{
		ID: "1", Source: "orders", Type: "shipped", Category: "order", Priority: belfry.PriorityUrgent,
		Title: belfry.Text{"en": "Shipped", "ko": "발송"}, Body: belfry.PlainText("Tomorrow."), URL: "/orders/1",
		Actor: belfry.Actor{ID: "kim", Name: "Kim"}, CollapseKey: "order-1", Time: at, ExpiresAt: at.Add(time.Hour),
		DeliverAt: at.Add(time.Minute), Data: []byte(`{"no":1}`),
	}
	notice := plain
	notice.Audience = "topic:news"
	for name, record := range map[string]inbox.Record{
		"plain":  {Notification: plain},
		"whole":  {Notification: whole, Rule: "shipped", Silent: true, Origin: inbox.Origin{TopicID: [16]byte{1, 15: 2}, Partition: 3, Offset: 1 << 40, Index: 5}},
		"notice": {Notification: notice},
	} {
		record.Kind = inbox.KindNotify
		b, err := EncodeRecord(record)
		if err != nil {
			t.Fatal(err)
		}
		var r FoldRecord
		if !r.decode(b) || r.notification == nil {
			t.Errorf("%s: it is left to the whole reader", name)
		}
	}
	for name, record := range map[string]inbox.Record{
		"another kind": {Kind: inbox.KindRead, Seqs: []uint64{1}},
		"no time":      {Kind: inbox.KindNotify, Notification: belfry.Notification{ID: "1", Title: belfry.PlainText("x")}},
	} {
		b, err := EncodeRecord(record)
		if err != nil {
			t.Fatal(err)
		}
		if r := new(FoldRecord); r.decode(b) {
			t.Errorf("%s: it is read", name)
		}
	}
}
