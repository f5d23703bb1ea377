package codec

import (
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
