package codec

import (
	"errors"
	"fmt"
	"slices"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec/belfrypb"
	"github.com/belfry/belfry/inbox"
)

// The bits of item_meta in belfry.proto.
const (
	metaRead = 1 << iota
	metaSeen
	metaArchived
	_ // two bits of priority
	_
	metaChanged
	metaCollapse
	metaExpiresAt
	metaReplaces
	metaUnarchived
	metaCount

	metaPriorityShift = 3
	metaPriorityMask  = 3
	metaCategoryShift = 11
)

// setFlags gives e what item_meta alone says of it. An Entry is large: it is not copied.
func setFlags(e *inbox.Entry, meta uint64) {
	e.Priority = belfry.Priority(meta>>metaPriorityShift&metaPriorityMask) + belfry.PriorityLow
	e.Read, e.Seen, e.Archived = meta&metaRead != 0, meta&metaSeen != 0, meta&metaArchived != 0
}

// items uses up the sparse columns of m.
func items(m *belfrypb.Row) ([]inbox.Entry, error) {
	n := len(m.ItemSeq)
	if len(m.ItemMeta) != n || len(m.ItemHash) != n {
		return nil, fmt.Errorf("item columns of %d, %d and %d values", n, len(m.ItemMeta), len(m.ItemHash))
	}
	var items []inbox.Entry // nil for none
	if n > 0 {
		items = make([]inbox.Entry, n)
	}
	var seq, changed uint64
	var expiresAt int64
	// Whether each bit of meta had its value in a sparse column. The rest of
	// the columns at the end had no bit.
	matched := true
	for i, meta := range m.ItemMeta {
		seq += m.ItemSeq[i]
		e := &items[i]
		setFlags(e, meta)
		e.Seq, e.Version, e.Hash, e.Count = seq, seq, m.ItemHash[i], 1
		if category := meta >> metaCategoryShift; category > uint64(len(m.Categories)) {
			return nil, fmt.Errorf("item %d: category %d of %d", seq, category, len(m.Categories))
		} else if category > 0 {
			e.Category = m.Categories[category-1]
		}
		if meta&metaChanged != 0 {
			changed += uint64(take(&m.ItemChanged, &matched))
			e.Version = changed
		}
		if meta&metaCollapse != 0 {
			e.Collapse = take(&m.ItemCollapse, &matched)
		}
		if meta&metaExpiresAt != 0 {
			expiresAt += take(&m.ItemExpiresAt, &matched)
			e.ExpiresAt = expiresAt
		}
		if meta&metaReplaces != 0 {
			e.Replaces = seq - take(&m.ItemReplaces, &matched)
		}
		if meta&metaUnarchived != 0 {
			e.Unarchived = e.Version - take(&m.ItemUnarchived, &matched)
		}
		if meta&metaCount != 0 {
			e.Count = take(&m.ItemCount, &matched)
		}
	}
	left := len(m.ItemChanged) + len(m.ItemCollapse) + len(m.ItemExpiresAt) +
		len(m.ItemReplaces) + len(m.ItemUnarchived) + len(m.ItemCount)
	if !matched || left > 0 {
		return nil, errors.New("sparse item columns do not match item_meta")
	}
	return items, nil
}

// take removes the first value of a column and returns it. If there is none it
// sets ok to false.
func take[T any](column *[]T, ok *bool) T {
	if len(*column) == 0 {
		*ok = false
		var zero T
		return zero
	}
	v := (*column)[0]
	*column = (*column)[1:]
	return v
}

func removals(m *belfrypb.Row) ([]inbox.Removal, error) {
	n := len(m.RemovalVersion)
	if len(m.RemovalSeq) != n || len(m.RemovalHash) != n {
		return nil, fmt.Errorf("removal columns of %d, %d and %d values", n, len(m.RemovalSeq), len(m.RemovalHash))
	}
	removals := slices.Grow([]inbox.Removal(nil), n) // nil for none
	var last inbox.Removal
	for i := range n {
		last.Version += m.RemovalVersion[i]
		last.Seq += uint64(m.RemovalSeq[i])
		last.Hash = m.RemovalHash[i]
		removals = append(removals, last)
	}
	return removals, nil
}

func watermarks(m *belfrypb.Row) ([]inbox.Watermark, error) {
	n := len(m.WatermarkKey)
	if len(m.WatermarkOffset) != n || len(m.WatermarkIndex) != n {
		return nil, fmt.Errorf("watermark columns of %d, %d and %d values", n, len(m.WatermarkOffset), len(m.WatermarkIndex))
	}
	watermarks := slices.Grow([]inbox.Watermark(nil), n) // nil for none
	for i := range n {
		watermarks = append(watermarks, inbox.Watermark{Key: m.WatermarkKey[i], Offset: m.WatermarkOffset[i], Index: m.WatermarkIndex[i]})
	}
	return watermarks, nil
}
