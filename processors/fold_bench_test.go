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
// user with a full inbox, by how many records of his are at hand at once.
func BenchmarkFold(b *testing.B) {
	for _, records := range []int{1, 16} {
		b.Run(fmt.Sprint(records), func(b *testing.B) {
			u := NewUnread(Deps{Prefix: "bench", Metrics: NewMetrics(prometheus.NewRegistry())}, 0)
			u.epoch.Store(7)
			found := &base{epoch: 7, counts: true}
			found.board.Store(board.New(board.Row{}).Begin(7, inbox.BaseStep))
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
				full = append(full, message(offset))
			}
			stored, bad, err := u.foldBatch("kim", nil, full)
			if err != nil || len(bad) > 0 {
				b.Fatal(err, bad)
			}
			for i := range records {
				batch = append(batch, message(int64(300+i)))
			}
			b.ReportAllocs()
			for b.Loop() {
				out, bad, err := u.foldBatch("kim", stored.row, batch)
				if err != nil || len(bad) > 0 || len(out.steps) != records || out.steps[0].outcome != inbox.Applied {
					b.Fatal(err, bad, out)
				}
			}
			b.ReportMetric(float64(b.N*records)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
