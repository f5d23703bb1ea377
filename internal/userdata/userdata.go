package userdata

import (
	"context"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
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
func Read(ctx context.Context, cfg kafka.Config, user string) (*Data, error) {
	infos, err := options.LookUp(cfg, cfg.Prefix.UnreadTable(), cfg.Prefix.InboxTable())
	if err != nil {
		return nil, err
	}
	d := &Data{
		Partition: kafka.Partition(user, infos[cfg.Prefix.UnreadTable()].Partitions),
		Items:     map[uint64]inbox.Item{}, Endpoints: map[uint64]inbox.Address{},
	}
	held, err := ReadPartition(ctx, cfg, d.Partition, user)
	if err != nil {
		return nil, err
	}
	if d.Stored, err = held.Stored(user); err != nil {
		return nil, err
	}
	d.Row = held.Show(d.Stored)
	own := belfry.PartitionKey(d.Partition)
	err = ScanContents(ctx, cfg, kafka.Partition(user, infos[cfg.Prefix.InboxTable()].Partitions), func(key inbox.ContentKey, value []byte) error {
		notice := key.Recipient == own && d.shows(key.Seq)
		if !notice && key.Recipient != user {
			return nil
		}
		return d.content(key, value)
	})
	return d, err
}

// shows reports whether the row shows a notice.
func (d *Data) shows(seq uint64) bool {
	e, ok := d.Row.Entry(seq)
	return ok && e.Shared != nil
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
