package codec

import (
	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec/belfrypb"
	"github.com/belfry/belfry/inbox"
)

// ReferenceState is EncodeState by the generated codec.
func ReferenceState(s *inbox.State) ([]byte, error) {
	m := &belfrypb.Row{Format: rowFormat, Epoch: s.Epoch, Base: s.Base, Version: s.Version, Horizon: s.Horizon}
	if !s.ChangedAt.IsZero() {
		m.ChangedMs, m.ChangedVersion = s.ChangedAt.UnixMilli(), s.Version
	}
	setItems(m, s.Items)
	setRemovals(m, s.Removals)
	setWatermarks(m, s.Watermarks)
	setExtra(m, s.Extra)
	return marshal("row", m)
}

// ReferenceDecodeState is DecodeState by the generated codec.
func ReferenceDecodeState(b []byte) (inbox.State, error) { return decodeRow(b) }

// DecodesByHand reports whether the hand-written decoder takes a row.
func DecodesByHand(b []byte) bool {
	_, ok := new(rowDecoder).decode(b, 0)
	return ok
}

func setItems(m *belfrypb.Row, items []inbox.Entry) {
	m.ItemSeq = make([]uint64, len(items))
	m.ItemMeta = make([]uint64, len(items))
	m.ItemHash = make([]uint64, len(items))
	categories := map[string]uint64{"": 0}
	var seq, changed uint64
	var expiresAt int64
	for i := range items {
		e := &items[i]
		category, ok := categories[e.Category]
		if !ok {
			category = uint64(len(categories))
			categories[e.Category] = category
			m.Categories = append(m.Categories, e.Category)
		}
		meta := category<<metaCategoryShift |
			uint64(e.Priority-belfry.PriorityLow)<<metaPriorityShift
		if e.Read {
			meta |= metaRead
		}
		if e.Seen {
			meta |= metaSeen
		}
		if e.Archived {
			meta |= metaArchived
		}
		if e.Version != e.Seq {
			meta |= metaChanged
			m.ItemChanged = append(m.ItemChanged, int64(e.Version-changed))
			changed = e.Version
		}
		if e.Collapse != 0 {
			meta |= metaCollapse
			m.ItemCollapse = append(m.ItemCollapse, e.Collapse)
		}
		if e.ExpiresAt != 0 {
			meta |= metaExpiresAt
			m.ItemExpiresAt = append(m.ItemExpiresAt, e.ExpiresAt-expiresAt)
			expiresAt = e.ExpiresAt
		}
		if e.Replaces != 0 {
			meta |= metaReplaces
			m.ItemReplaces = append(m.ItemReplaces, e.Seq-e.Replaces)
		}
		if e.Unarchived != 0 {
			meta |= metaUnarchived
			m.ItemUnarchived = append(m.ItemUnarchived, e.Version-e.Unarchived)
		}
		if e.Count != 1 {
			meta |= metaCount
			m.ItemCount = append(m.ItemCount, e.Count)
		}
		m.ItemSeq[i] = e.Seq - seq
		seq = e.Seq
		m.ItemMeta[i] = meta
		m.ItemHash[i] = e.Hash
	}
}

func setRemovals(m *belfrypb.Row, removals []inbox.Removal) {
	m.RemovalVersion = make([]uint64, len(removals))
	m.RemovalSeq = make([]int64, len(removals))
	m.RemovalHash = make([]uint64, len(removals))
	var last inbox.Removal
	for i, r := range removals {
		m.RemovalVersion[i] = r.Version - last.Version
		m.RemovalSeq[i] = int64(r.Seq - last.Seq)
		m.RemovalHash[i] = r.Hash
		last = r
	}
}

func setWatermarks(m *belfrypb.Row, watermarks []inbox.Watermark) {
	m.WatermarkKey = make([]uint64, len(watermarks))
	m.WatermarkOffset = make([]int64, len(watermarks))
	m.WatermarkIndex = make([]int32, len(watermarks))
	for i, w := range watermarks {
		m.WatermarkKey[i], m.WatermarkOffset[i], m.WatermarkIndex[i] = w.Key, w.Offset, w.Index
	}
}
