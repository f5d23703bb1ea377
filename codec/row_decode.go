package codec

import (
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/belfry/belfry/inbox"
)

// DecodeState is the inverse of [EncodeState]. Its errors match
// [belfry.ErrCorrupt] or [belfry.ErrNewerFormat].
func DecodeState(b []byte) (inbox.State, error) { return DecodeStateFor(b, 0) }

// DecodeStateFor is [DecodeState] with room for so many more items, for who is to
// fold into it.
func DecodeStateFor(b []byte, room int) (inbox.State, error) {
	var d rowDecoder
	if s, ok := d.decode(b, room); ok {
		return s, nil
	}
	return decodeRow(b)
}

// rowDecoder takes the fields of a row apart. The columns are parts of the row.
type rowDecoder struct {
	format, changedMs, changedVersion uint64
	uses                              uint64
	names                             [16][]byte // the first ones: mostly all
	more                              [][]byte   // of names, after these
	named                             int        // names that there are
	columns                           [columns]column
	present                           uint32       // columns that were there
	time                              *timeDecoder // nil: the row has no such field
	reach                             []byte       // nil: the row has no such field
	broadcast                         []byte       // nil: the row has no such field
	extra                             []byte
}

// decode gives false for what takes decodeRow, also to find what is wrong.
func (d *rowDecoder) decode(b []byte, room int) (s inbox.State, ok bool) {
	for len(b) > 0 {
		n, ok := d.field(b, &s)
		if !ok {
			return s, false
		}
		b = b[n:]
	}
	if d.format == 0 || d.format > rowFormat {
		return s, false
	}
	if d.changedVersion == s.Version && d.changedMs != 0 {
		s.ChangedAt = time.UnixMilli(int64(d.changedMs)).UTC()
	}
	s.Extra = d.extra
	if !d.usesKnown() {
		return s, false
	}
	if !d.items(&s, room) || !d.removals(&s, room) || !d.watermarks(&s) {
		return s, false
	}
	for i := range d.columns {
		if !d.columns[i].done() {
			return s, false
		}
	}
	if d.time != nil && d.time.state(&s, d.categories()) != nil {
		return s, false
	}
	if d.reach != nil && decodeReach(&s, d.reach) != nil {
		return s, false
	}
	if d.broadcast != nil && decodeBroadcast(&s, d.broadcast) != nil {
		return s, false
	}
	return s, checkState(&s) == nil
}

// usesKnown reports whether the row has the capabilities that it says it has, and no
// others.
func (d *rowDecoder) usesKnown() bool {
	if d.uses == 0 {
		return d.format == firstFormat && d.time == nil && d.reach == nil && d.broadcast == nil
	}
	if d.format == firstFormat || d.uses&^usesKnown != 0 || (d.time != nil) != (d.uses&usesTime != 0) {
		return false
	}
	return (d.reach != nil) == (d.uses&usesReach != 0) && (d.broadcast != nil) == (d.uses&usesBroadcast != 0)
}

// field takes the field that b begins with, and returns its length.
func (d *rowDecoder) field(b []byte, s *inbox.State) (int, bool) {
	number, wireType, tag := protowire.ConsumeTag(b)
	if tag < 0 {
		return 0, false
	}
	rest := b[tag:]
	var n int
	switch {
	case number == 2:
		if wireType != protowire.Fixed32Type {
			return 0, false
		}
		s.Epoch, n = protowire.ConsumeFixed32(rest)
	case number <= 5 || number == 22 || number == 23 || number == rowUsesField:
		if wireType != protowire.VarintType {
			return 0, false
		}
		var v uint64
		v, n = protowire.ConsumeVarint(rest)
		switch number {
		case 1:
			d.format = uint64(uint32(v))
		case 3:
			s.Base = v
		case 4:
			s.Version = v
		case 5:
			s.Horizon = v
		case 22:
			d.changedMs = v
		case 23:
			d.changedVersion = v
		case rowUsesField:
			d.uses = uint64(uint32(v))
		}
	case number <= 21:
		if wireType != protowire.BytesType {
			return 0, false
		}
		var v []byte
		v, n = protowire.ConsumeBytes(rest)
		if number == rowCategoriesField {
			if !utf8.Valid(v) {
				return 0, false
			}
			d.name(v)
			break
		}
		i := number - firstColumn
		if d.present&(1<<i) != 0 {
			return 0, false
		}
		d.present |= 1 << i
		d.columns[i].rest = v
	case number == rowReachField || number == rowBroadcastField:
		part := &d.reach
		if number == rowBroadcastField {
			part = &d.broadcast
		}
		if wireType != protowire.BytesType || *part != nil {
			return 0, false
		}
		var v []byte
		if v, n = protowire.ConsumeBytes(rest); n >= 0 {
			*part = v[:len(v):len(v)] // not nil, even if it is empty
		}
	case number == rowBoardField:
		return 0, false
	case number >= firstTimeColumn && number < firstTimeColumn+timeColumns:
		if d.time == nil {
			d.time = &timeDecoder{}
		}
		var ok bool
		if n, ok = d.time.field(number, wireType, rest); !ok {
			return 0, false
		}
	default:
		if n = protowire.ConsumeFieldValue(number, wireType, rest); n >= 0 {
			d.extra = append(d.extra, b[:tag+n]...)
		}
	}
	return tag + n, n >= 0
}

// name takes the next name. The decoder refers to no part of itself, or it would have to be
// on the heap.
func (d *rowDecoder) name(v []byte) {
	if d.named < len(d.names) {
		d.names[d.named] = v
	} else {
		d.more = append(d.more, v)
	}
	d.named++
}

func (d *rowDecoder) nameAt(i int) []byte {
	if i < len(d.names) {
		return d.names[i]
	}
	return d.more[i-len(d.names)]
}

// categories are the names in one piece of memory.
func (d *rowDecoder) categories() []string {
	size := 0
	for i := range d.named {
		size += len(d.nameAt(i))
	}
	all := make([]byte, 0, size)
	for i := range d.named {
		all = append(all, d.nameAt(i)...)
	}
	text := string(all)
	out := make([]string, d.named)
	for i := range out {
		n := len(d.nameAt(i))
		out[i], text = text[:n], text[n:]
	}
	return out
}

func (d *rowDecoder) items(s *inbox.State, room int) bool {
	seqs, metas, hashes := &d.columns[itemSeqColumn], &d.columns[itemMetaColumn], &d.columns[itemHashColumn]
	count := len(hashes.rest) / 8
	if len(hashes.rest)%8 != 0 || count > len(seqs.rest) || count > len(metas.rest) {
		return false
	}
	if count == 0 && room == 0 {
		return true
	}
	categories := d.categories()
	if count > 0 || room > 0 {
		s.Items = make([]inbox.Entry, count, count+room)
	}
	var seq, changed uint64
	var expiresAt int64
	for i := range s.Items {
		seq += seqs.varint()
		meta := metas.varint()
		it := &s.Items[i]
		setFlags(it, meta)
		it.Seq, it.Version, it.Hash, it.Count = seq, seq, hashes.fixed64(), 1
		if category := meta >> metaCategoryShift; category > uint64(len(categories)) {
			return false
		} else if category > 0 {
			it.Category = categories[category-1]
		}
		if meta&(metaChanged|metaCollapse|metaExpiresAt|metaReplaces|metaUnarchived|metaCount) == 0 {
			continue
		}
		if meta&metaChanged != 0 {
			changed += uint64(d.columns[itemChangedColumn].zigzag())
			it.Version = changed
		}
		if meta&metaCollapse != 0 {
			it.Collapse = d.columns[itemCollapseColumn].fixed64()
		}
		if meta&metaExpiresAt != 0 {
			expiresAt += d.columns[itemExpiresAtColumn].zigzag()
			it.ExpiresAt = expiresAt
		}
		if meta&metaReplaces != 0 {
			it.Replaces = seq - d.columns[itemReplacesColumn].varint()
		}
		if meta&metaUnarchived != 0 {
			it.Unarchived = it.Version - d.columns[itemUnarchivedColumn].varint()
		}
		if meta&metaCount != 0 {
			it.Count = uint32(d.columns[itemCountColumn].varint())
		}
	}
	return true
}

func (d *rowDecoder) removals(s *inbox.State, room int) bool {
	versions, seqs, hashes := &d.columns[removalVersionColumn], &d.columns[removalSeqColumn], &d.columns[removalHashColumn]
	count := len(hashes.rest) / 8
	if len(hashes.rest)%8 != 0 || count > len(versions.rest) || count > len(seqs.rest) {
		return false
	}
	if count == 0 {
		return true
	}
	s.Removals = make([]inbox.Removal, count, count+room)
	var last inbox.Removal
	for i := range s.Removals {
		last.Version += versions.varint()
		last.Seq += uint64(seqs.zigzag())
		last.Hash = hashes.fixed64()
		s.Removals[i] = last
	}
	return true
}

func (d *rowDecoder) watermarks(s *inbox.State) bool {
	keys, offsets, indexes := &d.columns[watermarkKeyColumn], &d.columns[watermarkOffsetColumn], &d.columns[watermarkIndexColumn]
	count := len(keys.rest) / 8
	if len(keys.rest)%8 != 0 || count > len(offsets.rest) || count > len(indexes.rest) {
		return false
	}
	if count == 0 {
		return true
	}
	s.Watermarks = make([]inbox.Watermark, count, count+1)
	for i := range s.Watermarks {
		s.Watermarks[i] = inbox.Watermark{Key: keys.fixed64(), Offset: int64(offsets.varint()), Index: int32(indexes.varint())}
	}
	return true
}
