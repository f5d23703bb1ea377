package codec

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/belfry/belfry/codec/belfrypb"
	"github.com/belfry/belfry/inbox"
)

// ReferenceDecodeState is DecodeState by the generated codec, and by loops over its columns
// that no program runs.
func ReferenceDecodeState(b []byte) (inbox.State, error) {
	var m belfrypb.Row
	if err := unmarshal("row", b, &m, rowFormat); err != nil {
		return inbox.State{}, err
	}
	s, err := referenceState(&m)
	if err == nil && m.Board != nil {
		return inbox.State{}, corrupt("row", "a board, and no user's row")
	}
	return s, err
}

// encoded is a message that was decoded before.
func encoded(m proto.Message) []byte {
	b, err := proto.Marshal(m)
	if err != nil {
		panic(err)
	}
	return b
}

// referenceState returns what a row holds besides the columns of a board.
func referenceState(m *belfrypb.Row) (inbox.State, error) {
	s := inbox.State{
		Epoch:   m.Epoch,
		Base:    m.Base,
		Version: m.Version,
		Horizon: m.Horizon,
		Extra:   extra(m),
	}
	if err := checkLengths(m); err != nil {
		return inbox.State{}, corrupt("row", "%v", err)
	}
	if err := checkUses(m.Format, uint64(m.Uses)); err != nil {
		return inbox.State{}, err
	}
	times := timeOf(m)
	if times != nil && m.Uses&usesTime == 0 {
		return inbox.State{}, corrupt("row", "columns of time in a row of format %d that does not use it", m.Format)
	}
	if (m.Reach != nil) != (m.Uses&usesReach != 0) {
		return inbox.State{}, corrupt("row", "columns of reach %t in a row of format %d with capabilities %#x", m.Reach != nil, m.Format, m.Uses)
	}
	if (m.Broadcast != nil || m.Board != nil) != (m.Uses&usesBroadcast != 0) || m.Broadcast != nil && m.Board != nil {
		return inbox.State{}, corrupt("row", "columns of broadcast %t, of a board %t in a row of format %d with capabilities %#x", m.Broadcast != nil, m.Board != nil, m.Format, m.Uses)
	}
	if m.ChangedVersion == m.Version && m.ChangedMs != 0 {
		s.ChangedAt = time.UnixMilli(m.ChangedMs).UTC()
	}
	var err error
	if s.Items, err = items(m); err != nil {
		return inbox.State{}, corrupt("row", "%v", err)
	}
	if times != nil {
		if err = times.state(&s, m.Categories); err != nil {
			return inbox.State{}, corrupt("row", "%v", err)
		}
	}
	if m.Reach != nil {
		if err = decodeReach(&s, encoded(m.Reach)); err != nil {
			return inbox.State{}, corrupt("row", "%v", err)
		}
	}
	if s.Removals, err = removals(m); err != nil {
		return inbox.State{}, corrupt("row", "%v", err)
	}
	if m.Broadcast != nil {
		if err = decodeBroadcast(&s, encoded(m.Broadcast)); err != nil {
			return inbox.State{}, corrupt("row", "%v", err)
		}
	}
	if s.Watermarks, err = watermarks(m); err != nil {
		return inbox.State{}, corrupt("row", "%v", err)
	}
	if err = checkState(&s); err != nil {
		return inbox.State{}, corrupt("row", "%v", err)
	}
	return s, nil
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

// timeOf returns the decoder of what m has of the capability time, nil if it has nothing.
func timeOf(m *belfrypb.Row) *timeDecoder {
	d := &timeDecoder{}
	some := m.Uses&usesTime != 0
	column := func(number, n int, value func(b []byte, i int) []byte) {
		some = some || n > 0
		c := &d.columns[number].rest
		for i := range n {
			*c = value(*c, i)
		}
	}
	for number, values := range map[int][]uint64{
		itemTimeColumn: m.ItemTime, itemShownColumn: m.ItemShown, groupCutColumn: m.GroupCut, groupEarlierColumn: m.GroupEarlier,
		arrivalActorColumn: m.ArrivalActor, memberMetaColumn: m.MemberMeta, muteVersionColumn: m.MuteVersion,
	} {
		column(number, len(values), func(b []byte, i int) []byte { return protowire.AppendVarint(b, values[i]) })
	}
	for number, values := range map[int][]int64{
		itemUntilColumn: m.ItemUntil, memberSeqColumn: m.MemberSeq, memberExpiresAtColumn: m.MemberExpiresAt, muteAtColumn: m.MuteAt,
	} {
		column(number, len(values), func(b []byte, i int) []byte { return protowire.AppendVarint(b, protowire.EncodeZigZag(values[i])) })
	}
	for number, values := range map[int][]uint64{memberHashColumn: m.MemberHash, actorHashColumn: m.ActorHash} {
		column(number, len(values), func(b []byte, i int) []byte { return protowire.AppendFixed64(b, values[i]) })
	}
	for to, values := range map[*[][]byte][]string{&d.ids: m.ActorId, &d.names: m.ActorName, &d.mutes: m.MuteCategory} {
		some = some || len(values) > 0
		for _, v := range values {
			*to = append(*to, []byte(v))
		}
	}
	if !some {
		return nil
	}
	return d
}
