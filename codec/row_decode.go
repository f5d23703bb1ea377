package codec

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/belfry/belfry/codec/belfrypb"
	"github.com/belfry/belfry/inbox"
)

// DecodeState is the inverse of [EncodeState]. Its errors match
// [belfry.ErrCorrupt] or [belfry.ErrNewerFormat].
func DecodeState(b []byte) (inbox.State, error) { return DecodeStateInto(inbox.State{}, b, 0) }

// DecodeStateInto is [DecodeState] with room for so many more items, for who is to fold
// into it. Items and removals may take the memory of those of former, which nobody may use
// any more.
func DecodeStateInto(former inbox.State, b []byte, room int) (inbox.State, error) {
	s, board, err := decodeRow("row", b, room, former)
	if err == nil && board != nil {
		return inbox.State{}, corrupt("row", "a board, and no user's row")
	}
	return s, err
}

// decodeRow decodes any row, and returns the columns of a board with it as encoded, nil for
// none. One whose fields no writer of ours lays out so is written anew by the generated code,
// which also tells what is wrong with a row, called what in its errors.
func decodeRow(what string, b []byte, room int, former inbox.State) (s inbox.State, board []byte, err error) {
	d := rowDecoder{former: former}
	if s, err = d.decode(b, room); err == nil {
		return s, d.board, nil
	}
	b, unknown, err := asWritten(what, b)
	if err != nil {
		return inbox.State{}, nil, err
	}
	d = rowDecoder{}
	if s, err = d.decode(b, room); err != nil {
		return inbox.State{}, nil, err
	}
	s.Extra = unknown
	return s, d.board, nil
}

// asWritten returns a row as writers of ours lay it out, and apart from it the fields that
// are none of ours or have another type.
func asWritten(what string, b []byte) (written, unknown []byte, err error) {
	var m belfrypb.Row
	if err := unmarshal(what, b, &m, rowFormat); err != nil {
		return nil, nil, err
	}
	if err := checkLengths(&m); err != nil {
		return nil, nil, corrupt("row", "%v", err)
	}
	unknown = extra(&m)
	m.ProtoReflect().SetUnknown(nil)
	written, err = marshal("row", &m)
	return written, unknown, err
}

// checkLengths compares the columns that have one value for each item, removal and
// watermark.
func checkLengths(m *belfrypb.Row) error {
	for _, c := range []struct {
		of      string
		a, b, c int
	}{
		{"item", len(m.ItemSeq), len(m.ItemMeta), len(m.ItemHash)},
		{"removal", len(m.RemovalVersion), len(m.RemovalSeq), len(m.RemovalHash)},
		{"watermark", len(m.WatermarkKey), len(m.WatermarkOffset), len(m.WatermarkIndex)},
	} {
		if c.a != c.b || c.a != c.c {
			return fmt.Errorf("%s columns of %d, %d and %d values", c.of, c.a, c.b, c.c)
		}
	}
	return nil
}

// rowDecoder takes the fields of a row apart. The columns are parts of the row.
type rowDecoder struct {
	format, uses              uint32
	changedMs, changedVersion uint64
	names                     [16][]byte // the first ones: mostly all
	more                      [][]byte   // of names, after these
	named                     int        // names that there are
	columns                   [columns]column
	time                      *timeDecoder // nil: the row has no such field
	reach                     []byte       // nil: the row has no such field
	broadcast                 []byte       // nil: the row has no such field
	board                     []byte       // nil: the row has no such field
	extra                     []byte
	former                    inbox.State
}

// cleared returns count values of nothing, with room for so many more, in the memory of
// former if that is enough.
func cleared[T any](former []T, count, room int) []T {
	if cap(former) < count+room {
		return make([]T, count, count+room)
	}
	former = former[:count]
	clear(former)
	return former
}

var (
	// errLayout is of fields that stand unpacked, in several places or not whole.
	errLayout  = errors.New("fields are laid out as by no writer of ours")
	errColumns = errors.New("columns do not match each other")
	errSparse  = errors.New("sparse item columns do not match item_meta")
)

// decode is decodeRow for rows as writers of ours lay them out.
func (d *rowDecoder) decode(b []byte, room int) (s inbox.State, err error) {
	for len(b) > 0 {
		n, ok := d.field(b, &s)
		if !ok {
			return s, errLayout
		}
		b = b[n:]
	}
	if err := checkFormat("row", d.format, rowFormat); err != nil {
		return s, err
	}
	if err := d.checkUses(); err != nil {
		return s, err
	}
	if d.changedVersion == s.Version && d.changedMs != 0 {
		s.ChangedAt = time.UnixMilli(int64(d.changedMs)).UTC()
	}
	s.Extra = d.extra
	if err := d.state(&s, room); err != nil {
		return s, corrupt("row", "%v", err)
	}
	return s, nil
}

// checkUses compares the capabilities that the row has with those that it says it has.
func (d *rowDecoder) checkUses() error {
	if err := checkUses(d.format, uint64(d.uses)); err != nil {
		return err
	}
	reach, broadcast, board := d.reach != nil, d.broadcast != nil, d.board != nil
	switch {
	case d.time != nil && d.uses&usesTime == 0:
		return corrupt("row", "columns of time in a row of format %d that does not use it", d.format)
	case reach != (d.uses&usesReach != 0):
		return corrupt("row", "columns of reach %t in a row of format %d with capabilities %#x", reach, d.format, d.uses)
	case (broadcast || board) != (d.uses&usesBroadcast != 0) || broadcast && board:
		return corrupt("row", "columns of broadcast %t, of a board %t in a row of format %d with capabilities %#x", broadcast, board, d.format, d.uses)
	case d.time == nil && d.uses&usesTime != 0:
		d.time = &timeDecoder{}
	}
	return nil
}

// state adds what the columns say.
func (d *rowDecoder) state(s *inbox.State, room int) error {
	if err := d.items(s, room); err != nil {
		return err
	}
	if d.time != nil {
		if err := d.time.state(s, d.categories()); err != nil {
			return err
		}
	}
	if d.reach != nil {
		if err := decodeReach(s, d.reach); err != nil {
			return err
		}
	}
	if !d.removals(s, room) {
		return errColumns
	}
	if d.broadcast != nil {
		if err := decodeBroadcast(s, d.broadcast); err != nil {
			return err
		}
	}
	if !d.watermarks(s) {
		return errColumns
	}
	for i := range d.columns {
		if !d.columns[i].done() {
			return errColumns
		}
	}
	return checkState(s)
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
			d.format = uint32(v)
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
			d.uses = uint32(v)
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
		if d.columns[i].rest != nil {
			return 0, false
		}
		d.columns[i].rest = v // not nil, even if it is empty
	case number == rowReachField || number == rowBroadcastField || number == rowBoardField:
		part := &d.reach
		switch number {
		case rowBroadcastField:
			part = &d.broadcast
		case rowBoardField:
			part = &d.board
		}
		if wireType != protowire.BytesType || *part != nil {
			return 0, false
		}
		var v []byte
		if v, n = protowire.ConsumeBytes(rest); n >= 0 {
			*part = v[:len(v):len(v)] // not nil, even if it is empty
		}
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

func (d *rowDecoder) items(s *inbox.State, room int) error {
	seqs, metas, hashes := &d.columns[itemSeqColumn], &d.columns[itemMetaColumn], &d.columns[itemHashColumn]
	count := len(hashes.rest) / 8
	if len(hashes.rest)%8 != 0 || count > len(seqs.rest) || count > len(metas.rest) {
		return errColumns
	}
	var categories []string
	if count > 0 || room > 0 {
		categories = d.categories()
		s.Items = cleared(d.former.Items, count, room)
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
			return fmt.Errorf("item %d: category %d of %d", seq, category, len(categories))
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
	for _, sparse := range [...]int{itemChangedColumn, itemCollapseColumn, itemExpiresAtColumn, itemReplacesColumn, itemUnarchivedColumn, itemCountColumn} {
		if !d.columns[sparse].done() {
			return errSparse
		}
	}
	return nil
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
	s.Removals = cleared(d.former.Removals, count, room)
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
