package codec

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec/belfrypb"
	"github.com/belfry/belfry/inbox"
)

// EncodeItem returns the value of it in the items topic and the inbox table.
// The error matches [belfry.ErrCorrupt] if it has seq 0, a priority that does
// not exist or a time outside the years 0 to 9999; a text that is not UTF-8 is
// an error too.
func EncodeItem(it *inbox.Item) ([]byte, error) {
	if it.Seq == 0 {
		return nil, corrupt("item", "no seq")
	}
	n, err := fromNotification("item", &it.Notification)
	if err != nil {
		return nil, err
	}
	return marshal("item", &belfrypb.Item{Format: itemFormat, Seq: it.Seq, Notification: n})
}

// DecodeItem is the inverse of [EncodeItem]. Its errors match
// [belfry.ErrCorrupt] or [belfry.ErrNewerFormat].
func DecodeItem(b []byte) (inbox.Item, error) {
	var m belfrypb.Item
	if err := unmarshal("item", b, &m, itemFormat); err != nil {
		return inbox.Item{}, err
	}
	switch {
	case m.Seq == 0:
		return inbox.Item{}, corrupt("item", "no seq")
	case m.Notification == nil:
		return inbox.Item{}, corrupt("item", "no notification")
	}
	n, err := toNotification("item", m.Notification)
	if err != nil {
		return inbox.Item{}, err
	}
	return inbox.Item{Seq: m.Seq, Notification: n}, nil
}

// ItemPriority returns the priority of an encoded item, and skips the rest. It
// allocates nothing. What is no item has belfry.PriorityNormal.
func ItemPriority(b []byte) belfry.Priority {
	notification, ok := lastField(b, itemNotification, protowire.BytesType)
	if !ok {
		return belfry.PriorityNormal
	}
	content, _ := protowire.ConsumeBytes(notification)
	priority, ok := lastField(content, notificationPriority, protowire.VarintType)
	if !ok {
		return belfry.PriorityNormal
	}
	v, _ := protowire.ConsumeVarint(priority)
	return belfry.Priority(protowire.DecodeZigZag(v))
}

// lastField returns the value of the last field of that number and type in a message,
// with its length if it has one. It reports false if there is none, or the message is
// not whole.
func lastField(b []byte, number protowire.Number, kind protowire.Type) (value []byte, ok bool) {
	for len(b) > 0 {
		num, typ, tag := protowire.ConsumeTag(b)
		if tag < 0 {
			return nil, false
		}
		n := protowire.ConsumeFieldValue(num, typ, b[tag:])
		if n < 0 {
			return nil, false
		}
		if num == number && typ == kind {
			value, ok = b[tag:tag+n], true
		}
		b = b[tag+n:]
	}
	return value, ok
}
