package views

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/inbox"
)

// Inbox reads the contents of all items and endpoints. The contents of notices stand
// under their partition's key, and are those of all recipients of the partition.
type Inbox struct {
	*table.View
	watchers watchers[func()]                // by recipient, and by a partition's key for notices
	contents watchers[contentWatcher]        // of all recipients, under ""
	notices  watchers[func(int32)]           // of all notices, under ""
	decoded  [64]atomic.Pointer[decodedItem] // of notices, each at its seq modulo their number
	// Traces hears of items that carry a trace; set it before Run. It may be
	// nil.
	Traces *Traces
}

// NewInbox returns a view that holds nothing until Run.
func NewInbox(cfg kafka.Config, prefix belfry.Prefix) *Inbox {
	i := &Inbox{}
	i.View = table.NewView(cfg, table.Definition{Topic: prefix.InboxTable(), Replaced: func() {
		i.watchers.notifyAll(call)
		i.contents.notify("", func(w contentWatcher) { w.changed("", 0) })
	}, Changed: i.changed, Traced: func(key string, header []byte) {
		if i.Traces != nil {
			i.Traces.put(key, header)
		}
	}})
	return i
}

// changed tells those who watch the recipient of the item. The priority is read for
// those alone who want it.
func (i *Inbox) changed(key string, content []byte) {
	k, ok := inbox.ParseContentKey(key)
	if !ok {
		if p, _, ok := inbox.ParseNoticeKey(key); ok {
			i.watchers.notify(belfry.PartitionKey(p), call)
			i.watchers.notify(anyBoard, call)
			i.notices.notify("", func(changed func(int32)) { changed(p) })
		}
		return
	}
	i.watchers.notify(k.Recipient, call)
	i.contents.notify("", func(w contentWatcher) {
		if !w.wanted(k.Recipient) {
			return
		}
		urgent := uint64(0)
		if !k.Endpoint && codec.ItemPriority(content) == belfry.PriorityUrgent {
			urgent = k.Seq
		}
		w.changed(k.Recipient, urgent)
	})
}

// contentWatcher is who wants to know of the contents of some recipients.
type contentWatcher struct {
	wanted  func(recipient string) bool
	changed func(recipient string, urgent uint64)
}

// Watch is as [Unread.Watch], for the contents of the recipient's items and endpoints and
// for those of the partition's notices.
func (i *Inbox) Watch(recipient string, changed func()) (stop func()) {
	return i.watchers.addBoth(recipient, i.Partition(recipient), changed)
}

// WatchNotices is as [Unread.WatchBoards], for the contents of notices.
func (i *Inbox) WatchNotices(changed func(partition int32)) (stop func()) {
	return i.notices.add("", changed)
}

// WatchContents is as [Unread.WatchRows], for the contents of items and endpoints of those
// recipients for whom wanted is true. It says whose content it was if the item is urgent:
// urgent is its seq, and 0 for any other change. Contents of notices are not told. Wanted
// must not block.
func (i *Inbox) WatchContents(wanted func(recipient string) bool, changed func(recipient string, urgent uint64)) (stop func()) {
	return i.contents.add("", contentWatcher{wanted, changed})
}

// Item returns the content of one item that the recipient's row shows, also of a notice,
// and whether the table holds it. It may share memory with others: what it points to may
// not be modified. Errors are those of [Unread.Row].
func (i *Inbox) Item(recipient string, seq uint64) (inbox.Item, bool, error) {
	data, err := i.Get(inbox.ItemKey(recipient, seq))
	if p := i.Partition(recipient); err == nil && data == nil && p >= 0 {
		// All records of a partition have different seqs, so this is no other item.
		return i.notice(inbox.ItemKey(belfry.PartitionKey(p), seq), seq)
	}
	if err != nil || data == nil {
		return inbox.Item{}, false, err
	}
	item, err := decodeItem(data)
	return item, err == nil, err
}

// decodedItem is the content of a notice, for all recipients who are shown it.
type decodedItem struct {
	data []byte
	item inbox.Item
}

func (i *Inbox) notice(key string, seq uint64) (inbox.Item, bool, error) {
	data, err := i.Get(key)
	if err != nil || data == nil {
		return inbox.Item{}, false, err
	}
	kept := &i.decoded[seq%uint64(len(i.decoded))]
	if last := kept.Load(); last != nil && bytes.Equal(last.data, data) {
		return last.item, true, nil
	}
	item, err := decodeItem(data)
	if err != nil {
		return inbox.Item{}, false, err
	}
	kept.Store(&decodedItem{data, item})
	return item, true, nil
}

func decodeItem(data []byte) (inbox.Item, error) {
	item, err := codec.DecodeItem(data)
	if err != nil {
		return inbox.Item{}, fmt.Errorf("decode item: %w", err)
	}
	return item, nil
}

// Endpoint returns the content of one endpoint and whether the table holds it. Errors
// are those of [Unread.Row].
func (i *Inbox) Endpoint(recipient string, seq uint64) (inbox.Address, bool, error) {
	data, err := i.Get(inbox.EndpointKey(recipient, seq))
	if err != nil || data == nil {
		return inbox.Address{}, false, err
	}
	endpoint, err := codec.DecodeEndpoint(data)
	if err != nil {
		return inbox.Address{}, false, fmt.Errorf("decode endpoint: %w", err)
	}
	return endpoint, true, nil
}

// Each calls visit for every content that the table holds, in any order, with the
// time its record was written; the recipient of a notice's is its partition's key. It
// stops at the first error of visit and returns it; other errors are those of
// [table.View.Each].
func (i *Inbox) Each(ctx context.Context, visit func(key inbox.ContentKey, written time.Time) error) error {
	return i.View.Each(ctx, func(key string, _ []byte, written time.Time) error {
		k, ok := inbox.ParseTableKey(key)
		if !ok {
			return nil
		}
		return visit(k, written)
	})
}
