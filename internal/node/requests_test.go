package node

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/kafkatest"
)

// Many clients know no lz4, which all else is compressed with, and answers that share a
// batch are worth compressing.
func TestAnswersAreNotCompressed(t *testing.T) {
	brokers := kafkatest.Embedded(t)
	answers, err := newAnswers(&kafka.Config{Brokers: brokers})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kadm.NewClient(answers.Client).CreateTopic(t.Context(), 1, 1, nil, "replies"); err != nil {
		t.Fatal(err)
	}
	const n = 20
	acknowledged := make(chan error, n)
	for range n {
		answers.Produce(&kgo.Record{Topic: "replies", Value: []byte(strings.Repeat("as good as ever. ", 50))}, func(_ *kgo.Record, err error) { acknowledged <- err })
	}
	for range n {
		if err := <-acknowledged; err != nil {
			t.Fatal(err)
		}
	}
	if err := answers.Stop(); err != nil {
		t.Fatal(err)
	}
	reader, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics("replies"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	for read := 0; read < n; {
		fetches := reader.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			read++
			if c := r.Attrs.CompressionType(); c != 0 {
				t.Errorf("answer %d has compression %d", r.Offset, c)
			}
		})
	}
}
