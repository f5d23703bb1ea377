package emitters

import (
	"context"

	"github.com/lovoo/goka"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry/engine/kafka"
)

// message is one record to write.
type message struct {
	key   string
	value []byte
}

func open(cfg kafka.Config) (*kafka.Producer, error) { return cfg.NewProducer("belfry", false) }

// write writes messages to a topic, see [kafka.Producer.Write]. It gives up early
// when no broker can be reached, with an error that matches kafka.ErrNoBroker.
func write(ctx context.Context, out *kafka.Producer, topic string, messages []message, headers goka.Headers) ([]*kgo.Record, error) {
	records := make([]*kgo.Record, len(messages))
	for i, m := range messages {
		records[i] = kafka.NewRecord(topic, m.key, m.value, headers)
	}
	ctx, end := out.Reachable(ctx)
	defer end()
	return records, out.Write(ctx, records...)
}
