package codec

import (
	"fmt"
	"sync"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

// EncodeState returns the row of s in the unread table. The error matches
// [belfry.ErrCorrupt] if s is no state that [inbox.Fold] could have made; a
// category that is not UTF-8 is an error too.
// Of notices no more is written than a row stores ([inbox.Shared]).
func EncodeState(s *inbox.State) ([]byte, error) { return encodeRow(s, nil) }

// encodeRow encodes a row, with the columns of a board if there are any.
func encodeRow(s *inbox.State, board []byte) ([]byte, error) {
	if err := checkState(s); err != nil {
		return nil, corrupt("row", "%v", err)
	}
	e := encoders.Get().(*rowEncoder)
	defer encoders.Put(e)
	e.reset()
	if err := e.items(s.Items); err != nil {
		return nil, err
	}
	e.removals(s.Removals)
	e.watermarks(s.Watermarks)
	format, size := uint64(firstFormat), e.size()
	uses := usesOf(s)
	if board != nil || e.usesBroadcast(s) {
		uses |= usesBroadcast
	}
	if uses != 0 {
		format = rowFormat
		size += 8
	}
	if uses&usesTime != 0 {
		if err := e.time.encode(e, s); err != nil {
			return nil, err
		}
		size = e.size() + 8 + e.time.columnsSize()
	}
	var reach, broadcast []byte
	var err error
	if s.Reach != nil {
		if reach, err = marshal("row", fromReach(s)); err != nil {
			return nil, err
		}
	}
	if uses&usesBroadcast != 0 && board == nil {
		if broadcast, err = marshal("row", fromBroadcast(s, e.notices, e.goneNotices)); err != nil {
			return nil, err
		}
	}
	size += len(reach) + len(broadcast) + len(board) + 16
	b := make([]byte, 0, size+len(s.Extra))
	b = appendVarint(b, 1, format)
	if s.Epoch != 0 {
		b = protowire.AppendFixed32(protowire.AppendTag(b, 2, protowire.Fixed32Type), s.Epoch)
	}
	b = appendVarint(b, 3, s.Base)
	b = appendVarint(b, 4, s.Version)
	b = appendVarint(b, 5, s.Horizon)
	for _, name := range e.categories {
		b = append(appendLength(b, rowCategoriesField, len(name)), name...)
	}
	for i := range e.columns {
		if c := e.columns[i]; len(c) > 0 {
			b = append(appendLength(b, firstColumn+protowire.Number(i), len(c)), c...)
		}
	}
	if !s.ChangedAt.IsZero() {
		b = appendVarint(b, 22, uint64(s.ChangedAt.UnixMilli()))
		b = appendVarint(b, 23, s.Version)
	}
	b = appendVarint(b, rowUsesField, uses)
	if uses&usesTime != 0 {
		b = e.time.append(b)
	}
	if uses&usesReach != 0 {
		b = append(appendLength(b, rowReachField, len(reach)), reach...)
	}
	switch {
	case board != nil:
		b = append(appendLength(b, rowBoardField, len(board)), board...)
	case uses&usesBroadcast != 0:
		b = append(appendLength(b, rowBroadcastField, len(broadcast)), broadcast...)
	}
	return append(b, s.Extra...), nil
}

// The columns of a row by their field numbers, as in belfry.proto.
const (
	firstColumn = 7
	columns     = 15

	itemSeqColumn         = 7 - firstColumn
	itemMetaColumn        = 8 - firstColumn
	itemHashColumn        = 9 - firstColumn
	itemChangedColumn     = 10 - firstColumn
	itemCollapseColumn    = 11 - firstColumn
	removalVersionColumn  = 12 - firstColumn
	removalSeqColumn      = 13 - firstColumn
	removalHashColumn     = 14 - firstColumn
	watermarkKeyColumn    = 15 - firstColumn
	itemExpiresAtColumn   = 16 - firstColumn
	itemReplacesColumn    = 17 - firstColumn
	itemUnarchivedColumn  = 18 - firstColumn
	itemCountColumn       = 19 - firstColumn
	watermarkOffsetColumn = 20 - firstColumn
	watermarkIndexColumn  = 21 - firstColumn
)

// rowEncoder holds the columns of a row while it is encoded.
type rowEncoder struct {
	columnEncoder
	categories []string
	time       timeEncoder // of rows that use it
	// The places of items and removals that are of notices.
	notices, goneNotices []int
}

var encoders = sync.Pool{New: func() any { return new(rowEncoder) }}

func (e *rowEncoder) reset() {
	clear(e.categories)
	e.categories = e.categories[:0]
	e.notices, e.goneNotices = e.notices[:0], e.goneNotices[:0]
	e.resetColumns()
}

// size is at least what the row takes without what a newer program wrote.
func (e *rowEncoder) size() int {
	n := 64 + e.columnsSize()
	for _, name := range e.categories {
		n += len(name) + 10
	}
	return n
}

// category is the position of a name + 1, 0 for none. Rows have few: it looks
// through all.
func (e *rowEncoder) category(name string) (uint64, error) {
	if name == "" {
		return 0, nil
	}
	for i := range e.categories {
		if e.categories[i] == name {
			return uint64(i + 1), nil
		}
	}
	if !utf8.ValidString(name) {
		return 0, fmt.Errorf("encode row: category %q is not UTF-8", name)
	}
	e.categories = append(e.categories, name)
	return uint64(len(e.categories)), nil
}

// A column of deltas wraps around rather than overflow, so that any value
// round-trips whatever stands before it; whether the values make sense is
// checked on the whole row.

func (e *rowEncoder) items(items []inbox.Entry) error {
	var seq, changed uint64
	var expiresAt int64
	var notice inbox.Entry
	for i := range items {
		it := &items[i]
		if it.Shared != nil {
			e.notices = append(e.notices, i)
			notice = storedNotice(it)
			it = &notice
		}
		category, err := e.category(it.Category)
		if err != nil {
			return err
		}
		meta := category<<metaCategoryShift | uint64(it.Priority-belfry.PriorityLow)<<metaPriorityShift
		if it.Read {
			meta |= metaRead
		}
		if it.Seen {
			meta |= metaSeen
		}
		if it.Archived {
			meta |= metaArchived
		}
		if it.Version != it.Seq {
			meta |= metaChanged
			e.zigzag(itemChangedColumn, int64(it.Version-changed))
			changed = it.Version
		}
		if it.Collapse != 0 {
			meta |= metaCollapse
			e.fixed64(itemCollapseColumn, it.Collapse)
		}
		if it.ExpiresAt != 0 {
			meta |= metaExpiresAt
			e.zigzag(itemExpiresAtColumn, it.ExpiresAt-expiresAt)
			expiresAt = it.ExpiresAt
		}
		if it.Replaces != 0 {
			meta |= metaReplaces
			e.varint(itemReplacesColumn, it.Seq-it.Replaces)
		}
		if it.Unarchived != 0 {
			meta |= metaUnarchived
			e.varint(itemUnarchivedColumn, it.Version-it.Unarchived)
		}
		if it.Count != 1 {
			meta |= metaCount
			e.varint(itemCountColumn, uint64(it.Count))
		}
		e.varint(itemSeqColumn, it.Seq-seq)
		seq = it.Seq
		e.varint(itemMetaColumn, meta)
		e.fixed64(itemHashColumn, it.Hash)
	}
	return nil
}

func (e *rowEncoder) removals(removals []inbox.Removal) {
	var last inbox.Removal
	for i, r := range removals {
		if r.Shared {
			e.goneNotices = append(e.goneNotices, i)
		}
		e.varint(removalVersionColumn, r.Version-last.Version)
		e.zigzag(removalSeqColumn, int64(r.Seq-last.Seq))
		e.fixed64(removalHashColumn, r.Hash)
		last = r
	}
}

func (e *rowEncoder) watermarks(watermarks []inbox.Watermark) {
	for _, w := range watermarks {
		e.fixed64(watermarkKeyColumn, w.Key)
		e.varint(watermarkOffsetColumn, uint64(w.Offset))
		e.varint(watermarkIndexColumn, uint64(int64(w.Index)))
	}
}
