package main

import (
	"fmt"

	"github.com/lovoo/goka"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/inbox"
)

// The values of --fold.
const (
	foldBelfry = "belfry"
	foldPlain  = "plain"
)

// foldFunc applies a record to a row.
type foldFunc func(row inbox.State, r inbox.Record, ctx goka.Context) (inbox.State, inbox.Effects)

func foldOf(name string) (foldFunc, error) {
	switch name {
	case foldBelfry:
		return byOffset, nil
	case foldPlain:
		return byCount, nil
	}
	return nil, fmt.Errorf("--fold must be %s or %s, not %q", foldBelfry, foldPlain, name)
}

// byOffset is Belfry's fold: the row knows the offset of its last record.
func byOffset(row inbox.State, r inbox.Record, ctx goka.Context) (inbox.State, inbox.Effects) {
	return inbox.Fold(row, r, inbox.Input{Position: inbox.Position{Epoch: 1, Offset: ctx.Offset()}, Time: ctx.Timestamp()})
}

// byCount makes of each record the next item, whatever came before. It is the
// same fold without what tells a record that came before: offset and id.
func byCount(row inbox.State, r inbox.Record, ctx goka.Context) (inbox.State, inbox.Effects) {
	n := r.Notification
	r.Notification.ID = ""
	next, effects := inbox.Fold(row, r, inbox.Input{Position: inbox.Position{Epoch: 1, Offset: int64(row.Version)}, Time: ctx.Timestamp()})
	if effects.Item != nil {
		effects.Item.ID = n.ID
		next.Items[len(next.Items)-1].Hash = inbox.IdentityHash(n.Source, n.ID, r.Rule)
	}
	return next, effects
}

// unread folds the journal into rows, and emits contents and tombstones into the
// inbox table. What
// does not decode ends it, as it does with goka's own codecs.
func unread(prefix belfry.Prefix, fold foldFunc) *goka.GroupGraph {
	contents := goka.Stream(prefix.InboxTable())
	return goka.DefineGroup(goka.Group(prefix.UnreadGroup()),
		goka.Input(goka.Stream(prefix.Journal()), recordCodec{}, func(ctx goka.Context, msg any) {
			row, _ := ctx.Value().(inbox.State)
			next, effects := fold(row, msg.(inbox.Record), ctx)
			for _, seq := range effects.Removed {
				ctx.Emit(contents, inbox.ItemKey(ctx.Key(), seq), nil)
			}
			if effects.Item != nil {
				ctx.Emit(contents, inbox.ItemKey(ctx.Key(), effects.Item.Seq), effects.Item)
			}
			ctx.SetValue(next)
		}),
		goka.Output(contents, itemCodec{}),
		goka.Persist(rowCodec{}),
	)
}

type recordCodec struct{}

func (recordCodec) Encode(v any) ([]byte, error)    { return codec.EncodeRecord(v.(inbox.Record)) }
func (recordCodec) Decode(data []byte) (any, error) { return codec.DecodeRecord(data) }

type rowCodec struct{}

func (rowCodec) Encode(v any) ([]byte, error) {
	row := v.(inbox.State)
	return codec.EncodeState(&row)
}
func (rowCodec) Decode(data []byte) (any, error) { return codec.DecodeState(data) }

type itemCodec struct{}

func (itemCodec) Encode(v any) ([]byte, error)    { return codec.EncodeItem(v.(*inbox.Item)) }
func (itemCodec) Decode(data []byte) (any, error) { return codec.DecodeItem(data) }
