package userdata

import (
	"context"
	"fmt"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/options"
)

// Data is what the tables hold of one user.
type Data struct {
	Partition int32
	Row       inbox.State              // the zero State of a user nobody has written to
	Items     map[uint64]inbox.Item    // contents, by seq
	Endpoints map[uint64]inbox.Address // likewise
}

// Read reads both tables of the user's partition, up to their ends when it begins. The
// error matches kafka.ErrTopic where a table does not exist.
func Read(ctx context.Context, cfg kafka.Config, prefix belfry.Prefix, user string) (*Data, error) {
	topics, err := options.OpenTopics(cfg)
	if err != nil {
		return nil, err
	}
	defer topics.Close()
	rows, box := prefix.UnreadTable(), prefix.InboxTable()
	infos, err := options.TopicInfos(topics, cfg, prefix, rows, box)
	if err != nil {
		return nil, err
	}
	d := &Data{
		Partition: kafka.Partition(user, infos[rows].Partitions),
		Items:     map[uint64]inbox.Item{}, Endpoints: map[uint64]inbox.Address{},
	}
	if d.Row, err = Row(ctx, cfg, prefix, user, infos[rows].Partitions); err != nil {
		return nil, err
	}
	err = table.Scan(ctx, cfg, box, kafka.Partition(user, infos[box].Partitions), func(m *sarama.ConsumerMessage) error {
		key, ok := inbox.ParseContentKey(string(m.Key))
		if !ok || key.Recipient != user {
			return nil
		}
		return d.content(key, m.Value)
	})
	return d, err
}

// content takes in what the inbox table has under a key of the user's.
func (d *Data) content(key inbox.ContentKey, value []byte) (err error) {
	switch {
	case value == nil && key.Endpoint:
		delete(d.Endpoints, key.Seq)
	case value == nil:
		delete(d.Items, key.Seq)
	case key.Endpoint:
		d.Endpoints[key.Seq], err = codec.DecodeEndpoint(value)
	default:
		d.Items[key.Seq], err = codec.DecodeItem(value)
	}
	return err
}

// EndpointsOf are the endpoints of a kind that the row holds and whose contents are there.
func (d *Data) EndpointsOf(kind inbox.EndpointKind) []inbox.Address {
	var out []inbox.Address
	for _, e := range d.Row.Endpoints(kind) {
		if a, ok := d.Endpoints[e.Seq]; ok {
			out = append(out, a)
		}
	}
	return out
}

// Row reads the row of a key of the unread table, which has so many partitions; the zero
// State is that of a user nobody has written to.
func Row(ctx context.Context, cfg kafka.Config, prefix belfry.Prefix, key string, partitions int) (row inbox.State, err error) {
	err = table.Scan(ctx, cfg, prefix.UnreadTable(), kafka.Partition(key, partitions), func(m *sarama.ConsumerMessage) (err error) {
		if string(m.Key) != key {
			return nil
		}
		if row, err = codec.DecodeState(m.Value); err != nil {
			return fmt.Errorf("row at offset %d: %w", m.Offset, err)
		}
		return nil
	})
	return row, err
}
