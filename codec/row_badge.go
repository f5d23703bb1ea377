package codec

import (
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/belfry/belfry/inbox"
)

// The field numbers of belfrypb.Row that a version, a stamp and a badge are made
// of.
const (
	rowFormatField     = 1
	rowEpochField      = 2
	rowBaseField       = 3
	rowVersionField    = 4
	rowCategoriesField = 6
	rowMetaField       = 8
	rowExpiresAtField  = 16
	rowItemTimeField   = firstTimeColumn + itemTimeColumn
	rowItemUntilField  = firstTimeColumn + itemUntilColumn
)

// DecodeStamp returns the [inbox.State].Stamp of an encoded row at now. It
// skips all but the few fields that this takes, and allocates nothing. A nil
// error does not mean that [DecodeState] would take the row. Errors match
// [belfry.ErrCorrupt] or [belfry.ErrNewerFormat].
func DecodeStamp(b []byte, now time.Time) (inbox.Stamp, error) {
	h, err := readHead(b, 0)
	if err != nil {
		return inbox.Stamp{}, err
	}
	if h.spread {
		s, err := DecodeState(b)
		return s.Stamp(now), err
	}
	passed, err := h.passed(now)
	if err != nil {
		return inbox.Stamp{}, err
	}
	return inbox.Stamp{Cursor: h.cursor(), Passed: passed}, nil
}

// passed takes the columns of expiries and times, and returns how many of a row without
// notices have passed at now.
func (h *rowHead) passed(now time.Time) (passed int, err error) {
	for len(h.expiresAt) > 0 {
		var e inbox.Entry
		if e.ExpiresAt, err = h.nextExpiry(); err != nil {
			return 0, err
		}
		passed += e.Passed(now)
	}
	for len(h.times) > 0 {
		var e inbox.Entry
		if err = h.nextTime(&e); err != nil {
			return 0, err
		}
		passed += e.Passed(now)
	}
	return passed, nil
}

// DecodeDue returns the [inbox.State].NextWake of an encoded row, 0 for one that cannot
// be read. It skips all but the few fields that this takes, and of a row without the
// capability looks at no more than the format.
func DecodeDue(b []byte) int64 {
	if len(b) > 1 && b[0] == rowFormatField<<3 && b[1] == firstFormat {
		return 0
	}
	h, err := readHead(b, 0)
	if err != nil {
		return 0
	}
	if h.spread {
		s, err := DecodeState(b)
		if err != nil {
			return 0
		}
		return s.NextWake()
	}
	next := int64(0)
	for len(h.times) > 0 {
		var e inbox.Entry
		if err := h.nextTime(&e); err != nil {
			return 0
		}
		if e.Shown == 0 && e.Until != 0 && (next == 0 || e.Until < next) {
			next = e.Until
		}
	}
	return next
}

// DecodeBadge returns the [inbox.State].Badge of an encoded row at now, for a
// small part of what [DecodeState] takes. What [DecodeStamp] says of errors
// holds here too.
func DecodeBadge(b []byte, now time.Time) (inbox.Badge, error) {
	h, err := readHead(b, forBadge)
	if err != nil {
		return inbox.Badge{}, err
	}
	if h.spread {
		s, err := DecodeState(b)
		return s.Badge(now), err
	}
	badge := inbox.Badge{
		Stamp:  inbox.Stamp{Cursor: h.cursor()},
		Counts: inbox.Counts{Categories: map[string]inbox.Tally{}},
	}
	var e inbox.Entry
	for rest := h.meta; len(rest) > 0; {
		meta, n := protowire.ConsumeVarint(rest)
		if n < 0 {
			return inbox.Badge{}, corrupt("row", "%v", protowire.ParseError(n))
		}
		rest = rest[n:]
		setFlags(&e, meta)
		e.Category, e.ExpiresAt, e.Until, e.Shown = "", 0, 0, 0
		if err = h.sparse(&e, meta); err != nil {
			return inbox.Badge{}, err
		}
		badge.Passed += e.Passed(now)
		badge.Add(&e, now)
	}
	return badge, nil
}

// rowHead is the part of an encoded row that a badge is made of. The columns are
// parts of the row, as encoded.
type rowHead struct {
	parts           headParts
	format, version uint64
	base            uint64
	epoch           uint32
	categories      []string // if asked for
	meta, expiresAt []byte
	expires         int64 // that of the last item with one
	uses            uint64
	times, untils   []byte
	until           int64 // that of the last item with one

	// spread: a column stands in several places or unpacked, as protobuf allows
	// and no writer of ours does.
	spread bool

	noticeHead // if asked for
}

// headParts are what is read of a row besides its place, expiries and times.
type headParts uint8

const (
	forBadge headParts = 1 << iota // categories, which are texts
	forBoard                       // what a board needs to know, see noticeHead
)

func readHead(b []byte, parts headParts) (rowHead, error) {
	h := rowHead{parts: parts}
	for len(b) > 0 {
		number, wireType, n := protowire.ConsumeTag(b)
		if n < 0 {
			return h, corrupt("row", "%v", protowire.ParseError(n))
		}
		b = b[n:]
		if n = h.take(b, number, wireType); n < 0 {
			return h, corrupt("row", "%v", protowire.ParseError(n))
		}
		b = b[n:]
	}
	if err := checkFormat("row", uint32(h.format), rowFormat); err != nil {
		return h, err
	}
	return h, checkUses(uint32(h.format), uint64(uint32(h.uses)))
}

// take reads the value of one field, which b begins with, and returns its
// length, negative if there is none.
func (h *rowHead) take(b []byte, number protowire.Number, wireType protowire.Type) (n int) {
	switch {
	case number == rowFormatField && wireType == protowire.VarintType:
		h.format, n = protowire.ConsumeVarint(b)
	case number == rowVersionField && wireType == protowire.VarintType:
		h.version, n = protowire.ConsumeVarint(b)
	case number == rowBaseField && wireType == protowire.VarintType:
		h.base, n = protowire.ConsumeVarint(b)
	case number == rowEpochField && wireType == protowire.Fixed32Type:
		h.epoch, n = protowire.ConsumeFixed32(b)
	case number == rowCategoriesField && wireType == protowire.BytesType && h.parts&forBadge != 0:
		var name []byte
		name, n = protowire.ConsumeBytes(b)
		h.categories = append(h.categories, string(name))
	case number == rowMetaField && wireType == protowire.BytesType:
		n = h.column(&h.meta, b)
	case number == rowExpiresAtField && wireType == protowire.BytesType:
		n = h.column(&h.expiresAt, b)
	case number == rowUsesField && wireType == protowire.VarintType:
		h.uses, n = protowire.ConsumeVarint(b)
	case number == rowItemTimeField && wireType == protowire.BytesType:
		n = h.column(&h.times, b)
	case number == rowItemUntilField && wireType == protowire.BytesType:
		n = h.column(&h.untils, b)
	case h.parts&forBoard != 0 && h.concernsBoard(number):
		n = h.takeNotices(b, number, wireType)
	default:
		h.spread = h.spread || wireType == protowire.VarintType &&
			(number == rowMetaField || number == rowExpiresAtField || number == rowItemTimeField || number == rowItemUntilField)
		n = protowire.ConsumeFieldValue(number, wireType, b)
	}
	return n
}

func (h *rowHead) column(c *[]byte, b []byte) (n int) {
	h.spread = h.spread || *c != nil
	*c, n = protowire.ConsumeBytes(b)
	return n
}

func (h *rowHead) cursor() inbox.Cursor {
	s := inbox.State{Epoch: h.epoch, Version: h.version}
	return s.Cursor()
}

// nextExpiry takes the first value of the column off it.
func (h *rowHead) nextExpiry() (int64, error) {
	delta, n := protowire.ConsumeVarint(h.expiresAt)
	if n < 0 {
		return 0, corrupt("row", "expiry: %v", protowire.ParseError(n))
	}
	h.expiresAt = h.expiresAt[n:]
	h.expires += protowire.DecodeZigZag(delta)
	return h.expires, nil
}

// nextTime takes what the columns of time say of the next item off them: Until, and
// whether Shown is 0.
func (h *rowHead) nextTime(e *inbox.Entry) error {
	bits, n := protowire.ConsumeVarint(h.times)
	if n < 0 {
		return corrupt("row", "times: %v", protowire.ParseError(n))
	}
	h.times = h.times[n:]
	if bits&timeUntil != 0 {
		delta, n := protowire.ConsumeVarint(h.untils)
		if n < 0 {
			return corrupt("row", "until: %v", protowire.ParseError(n))
		}
		h.untils = h.untils[n:]
		h.until += protowire.DecodeZigZag(delta)
		e.Until = h.until
	}
	if bits&timeShown != 0 {
		e.Shown = 1
	}
	return nil
}
