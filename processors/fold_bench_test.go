package processors

import (
	"fmt"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
)

// BenchmarkFold tells what a record takes from journal to encoded row and content, for a
// user with a full inbox, by how many records of his are at hand at once, and how many
// notices he has.
func BenchmarkFold(b *testing.B) {
	for _, notices := range []int{0, 100} {
		for _, records := range []int{1, 16} {
			b.Run(fmt.Sprintf("notices=%d/records=%d", notices, records), func(b *testing.B) { benchmarkFold(b, notices, records) })
		}
	}
}

func benchmarkFold(b *testing.B, notices, records int) {
	u := NewUnread(Deps{Prefix: "bench", Metrics: NewMetrics(prometheus.NewRegistry())}, 0)
	u.epoch.Store(7)
	found := &base{epoch: 7, counts: true}
	on := board.New(board.Row{}).Begin(7, inbox.BaseStep)
	for i := range notices {
		n := belfry.Notification{Audience: belfry.AudienceAll, ID: fmt.Sprint(i), Title: belfry.PlainText("news"), Category: "news"}
		in := inbox.Input{Position: inbox.Position{Epoch: 7, Offset: int64(i)}, Time: time.UnixMilli(1_900_000_000_000), Keep: inbox.DefaultCap}
		on, _ = board.Fold(on, inbox.Record{Kind: inbox.KindNotify, Notification: n}, in)
	}
	found.board.Store(on)
	u.bases.all.Store(int32(0), found)
	message := func(offset int64) *sarama.ConsumerMessage {
		n := belfry.Notification{ID: fmt.Sprint("order-", offset), Source: "orders", Category: "order", Title: belfry.PlainText("Order shipped"), Body: belfry.PlainText("It is on its way."), Time: time.UnixMilli(1_900_000_000_000 + offset)}
		value, err := codec.EncodeRecord(inbox.Record{Kind: inbox.KindNotify, Notification: n})
		if err != nil {
			b.Fatal(err)
		}
		return &sarama.ConsumerMessage{Topic: "bench.journal", Key: []byte("kim"), Value: value, Offset: offset, Timestamp: n.Time}
	}
	var full, batch []*sarama.ConsumerMessage
	for offset := range int64(300) {
		full = append(full, message(1000+offset))
	}
	stored, bad, err := u.foldBatch("kim", nil, full)
	if err != nil || len(bad) > 0 {
		b.Fatal(err, bad)
	}
	for i := range records {
		batch = append(batch, message(int64(1300+i)))
	}
	b.ReportAllocs()
	for b.Loop() {
		out, bad, err := u.foldBatch("kim", stored.row, batch)
		if err != nil || len(bad) > 0 || len(out.steps) != records || out.steps[0].outcome != inbox.Applied {
			b.Fatal(err, bad, out)
		}
	}
	b.ReportMetric(float64(b.N*records)/b.Elapsed().Seconds(), "events/s")
}
