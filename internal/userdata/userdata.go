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
	"github.com/belfry/belfry/inbox/board"
	"github.com/belfry/belfry/internal/options"
)

// Data is what the tables hold of one user.
type Data struct {
	Partition int32
	Row       inbox.State              // as it is shown
	Stored    inbox.State              // as the table has it, the zero State of a user nobody has written to
	Items     map[uint64]inbox.Item    // contents, by seq; of notices those that Row shows
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
	var on *board.Board
	if d.Stored, on, err = Rows(ctx, cfg, prefix, user, infos[rows].Partitions); err != nil {
		return nil, err
	}
	if d.Row = d.Stored; on.Keep > 0 {
		d.Row = on.Show(d.Stored)
	}
	notices := map[string]uint64{}
	for i := range d.Row.Items {
		if e := &d.Row.Items[i]; e.Shared != nil {
			notices[inbox.ItemKey(belfry.PartitionKey(d.Partition), e.Seq)] = e.Seq
		}
	}
	err = table.Scan(ctx, cfg, box, kafka.Partition(user, infos[box].Partitions), func(m *sarama.ConsumerMessage) error {
		key, ok := inbox.ParseContentKey(string(m.Key))
		if seq, notice := notices[string(m.Key)]; notice {
			key, ok = inbox.ContentKey{Recipient: user, Seq: seq}, true
		}
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

// Rows reads the user's row as the unread table, which has so many partitions, stores it,
// and the board of the user's partition. The zero State is that of a user nobody has
// written to, the zero Board that of a partition that nothing is known of.
func Rows(ctx context.Context, cfg kafka.Config, prefix belfry.Prefix, user string, partitions int) (row inbox.State, on *board.Board, err error) {
	partition := kafka.Partition(user, partitions)
	own := belfry.PartitionKey(partition)
	var held board.Row
	err = table.Scan(ctx, cfg, prefix.UnreadTable(), partition, func(m *sarama.ConsumerMessage) (err error) {
		switch string(m.Key) {
		case user:
			row, err = codec.DecodeState(m.Value)
		case own:
			held, err = codec.DecodeBoard(m.Value)
		}
		if err != nil {
			return fmt.Errorf("row %s at offset %d: %w", m.Key, m.Offset, err)
		}
		return nil
	})
	return row, board.New(held), err
}
