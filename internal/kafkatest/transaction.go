package kafkatest

import (
	"context"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/await"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Transaction is a producer with a transaction that is open until Commit or Abort.
// If the test ends before, its client goes and the transaction hangs.
type Transaction struct {
	t       testing.TB
	client  *kgo.Client
	written kadm.TopicsSet
}

// Begin opens a transaction; id is the transactional id.
func Begin(t testing.TB, brokers []string, id string) *Transaction {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.TransactionalID(id), kgo.TransactionTimeout(10*time.Minute), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	if err := client.BeginTransaction(); err != nil {
		t.Fatalf("begin transaction: %v", err)
	}
	return &Transaction{t, client, kadm.TopicsSet{}}
}

// Write writes records into the transaction, in order, each to the partition that
// it names.
func (x *Transaction) Write(records ...*kgo.Record) *Transaction {
	x.t.Helper()
	if err := x.client.ProduceSync(context.Background(), records...).FirstErr(); err != nil {
		x.t.Fatalf("write into transaction: %v", err)
	}
	for _, r := range records {
		x.written.Add(r.Topic, r.Partition)
	}
	return x
}

// Commit makes what was written count.
func (x *Transaction) Commit() { x.t.Helper(); x.end(kgo.TryCommit) }

// Abort takes back what was written.
func (x *Transaction) Abort() { x.t.Helper(); x.end(kgo.TryAbort) }

// end waits for the markers, which a coordinator writes after it has answered (KIP-98):
// what the test writes next comes behind them.
func (x *Transaction) end(how kgo.TransactionEndTry) {
	x.t.Helper()
	if err := x.client.EndTransaction(context.Background(), how); err != nil {
		x.t.Fatalf("end transaction: %v", err)
	}
	id, _, err := x.client.ProducerID(context.Background())
	if err != nil {
		x.t.Fatalf("end transaction: %v", err)
	}
	admin := kadm.NewClient(x.client)
	await.Eventually(x.t, await.Patience, func() string { return "a transaction that was ended is open" }, func() bool {
		topics, err := admin.DescribeProducers(context.Background(), x.written)
		if err != nil {
			x.t.Fatalf("look for an open transaction: %v", err)
		}
		ended := true
		topics.EachProducer(func(p kadm.DescribedProducer) {
			ended = ended && (p.ProducerID != id || p.CurrentTxnStartOffset < 0)
		})
		return ended
	})
}
