package codec

import (
	"slices"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec/belfrypb"
	"github.com/belfry/belfry/inbox"
)

// ReferenceState is EncodeState by the generated codec.
func ReferenceState(s *inbox.State) ([]byte, error) {
	m := &belfrypb.Row{Format: firstFormat, Epoch: s.Epoch, Base: s.Base, Version: s.Version, Horizon: s.Horizon}
	if !s.ChangedAt.IsZero() {
		m.ChangedMs, m.ChangedVersion = s.ChangedAt.UnixMilli(), s.Version
	}
	setItems(m, s.Items)
	setRemovals(m, s.Removals)
	setWatermarks(m, s.Watermarks)
	notices, gone := noticesOf(s)
	uses := usesOf(s)
	if s.Joined || len(s.Topics)+len(notices)+len(gone) > 0 {
		uses |= usesBroadcast
		m.Broadcast = fromBroadcast(s, notices, gone)
	}
	if uses != 0 {
		m.Format, m.Uses = rowFormat, uint32(uses)
		if uses&usesTime != 0 {
			setTimes(m, s)
		}
		if s.Reach != nil {
			m.Reach = fromReach(s)
		}
	}
	setExtra(m, s.Extra)
	return marshal("row", m)
}

// noticesOf are the places of items and removals that are of notices.
func noticesOf(s *inbox.State) (items, removals []int) {
	for i := range s.Items {
		if s.Items[i].Shared != nil {
			items = append(items, i)
		}
	}
	for i := range s.Removals {
		if s.Removals[i].Shared {
			removals = append(removals, i)
		}
	}
	return items, removals
}

// DecodesByHand reports whether the hand-written decoder takes a row.
func DecodesByHand(b []byte) bool {
	_, err := new(rowDecoder).decode(b, 0)
	return err == nil
}

func setItems(m *belfrypb.Row, items []inbox.Entry) {
	m.ItemSeq = make([]uint64, len(items))
	m.ItemMeta = make([]uint64, len(items))
	m.ItemHash = make([]uint64, len(items))
	var seq, changed uint64
	var expiresAt int64
	for i := range items {
		e := &items[i]
		if e.Shared != nil {
			stored := storedNotice(e)
			e = &stored
		}
		meta := categoryOf(m, e.Category)<<metaCategoryShift |
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

func categoryOf(m *belfrypb.Row, name string) uint64 {
	if name == "" {
		return 0
	}
	if i := slices.Index(m.Categories, name); i >= 0 {
		return uint64(i + 1)
	}
	m.Categories = append(m.Categories, name)
	return uint64(len(m.Categories))
}

func setTimes(m *belfrypb.Row, s *inbox.State) {
	var actors []inbox.Actor
	arrival := func(a inbox.Actor) {
		at := slices.Index(actors, a)
		if at < 0 && a != (inbox.Actor{}) {
			at = len(actors)
			actors = append(actors, a)
			m.ActorHash, m.ActorId, m.ActorName = append(m.ActorHash, a.Hash), append(m.ActorId, a.ID), append(m.ActorName, a.Name)
		}
		m.ArrivalActor = append(m.ArrivalActor, uint64(at+1))
	}
	bit := func(is bool, bit uint64) uint64 {
		if is {
			return bit
		}
		return 0
	}
	var until, expiresAt int64
	for i := range s.Items {
		e := &s.Items[i]
		m.ItemTime = append(m.ItemTime, bit(e.Until != 0, timeUntil)|bit(e.Shown != 0, timeShown)|bit(e.Born, timeBorn)|bit(e.Muted, timeMuted)|bit(e.Group != nil, timeGroup))
		if e.Until != 0 {
			m.ItemUntil, until = append(m.ItemUntil, e.Until-until), e.Until
		}
		if e.Shown != 0 {
			m.ItemShown = append(m.ItemShown, e.Version-e.Shown)
		}
		if e.Group == nil {
			continue
		}
		cut := uint64(0)
		if e.Group.Cut != 0 {
			cut = e.Version - e.Group.Cut + 1
		}
		m.GroupCut, m.GroupEarlier = append(m.GroupCut, cut), append(m.GroupEarlier, uint64(len(e.Group.Earlier)))
		for _, one := range e.Group.Earlier {
			arrival(one.Actor)
			meta := categoryOf(m, one.Category)<<memberCategoryShift | uint64(one.Priority-belfry.PriorityLow) | bit(one.ExpiresAt != 0, memberExpires)
			m.MemberSeq, m.MemberHash, m.MemberMeta = append(m.MemberSeq, int64(e.Seq-one.Seq)), append(m.MemberHash, one.Hash), append(m.MemberMeta, meta)
			if one.ExpiresAt != 0 {
				m.MemberExpiresAt, expiresAt = append(m.MemberExpiresAt, one.ExpiresAt-expiresAt), one.ExpiresAt
			}
		}
		arrival(e.Group.Actor)
	}
	var last inbox.Mute
	for _, mute := range s.Mutes {
		m.MuteCategory = append(m.MuteCategory, mute.Category)
		m.MuteVersion, m.MuteAt = append(m.MuteVersion, mute.Version-last.Version), append(m.MuteAt, mute.At-last.At)
		last = mute
	}
}

// ReferenceRecord is EncodeRecord by the generated codec.
func ReferenceRecord(r inbox.Record) ([]byte, error) { return encodeRecord(&r) }
