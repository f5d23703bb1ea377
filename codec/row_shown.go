package codec

import (
	"encoding/binary"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
)

// The field numbers of belfrypb.Row that a board needs to know besides, and those of
// belfrypb.Broadcast.
const (
	rowItemSeqField      = 7
	rowItemHashField     = 9
	rowMuteCategoryField = firstTimeColumn + muteCategoryColumn

	broadcastTopicHashField = 3
	broadcastItemIndexField = 4
)

// noticeHead is the part of an encoded row that says which notices it shows.
type noticeHead struct {
	seqs, hashes []byte
	mutes        []string // for a badge alone
	topics       []byte   // their hashes
	notices      []byte   // which items are, as the column has it
}

// concernsBoard reports whether a field is of the noticeHead.
func (h *rowHead) concernsBoard(number protowire.Number) bool {
	return number == rowItemSeqField || number == rowItemHashField || number == rowBroadcastField || number == rowMuteCategoryField
}

// takeNotices is take for such a field.
func (h *rowHead) takeNotices(b []byte, number protowire.Number, wireType protowire.Type) (n int) {
	if wireType != protowire.BytesType {
		h.spread = true
		return protowire.ConsumeFieldValue(number, wireType, b)
	}
	switch number {
	case rowItemSeqField:
		return h.column(&h.seqs, b)
	case rowItemHashField:
		return h.column(&h.hashes, b)
	case rowMuteCategoryField:
		var category []byte
		category, n = protowire.ConsumeBytes(b)
		if h.parts&forBadge != 0 {
			h.mutes = append(h.mutes, string(category))
		}
		return n
	}
	message, n := protowire.ConsumeBytes(b)
	for len(message) > 0 {
		number, wireType, tag := protowire.ConsumeTag(message)
		if tag < 0 {
			return tag
		}
		message = message[tag:]
		var column *[]byte
		switch number {
		case broadcastTopicHashField:
			column = &h.topics
		case broadcastItemIndexField:
			column = &h.notices
		}
		var m int
		if column != nil && wireType == protowire.BytesType {
			m = h.column(column, message)
		} else {
			h.spread = h.spread || column != nil
			m = protowire.ConsumeFieldValue(number, wireType, message)
		}
		if m < 0 {
			return m
		}
		message = message[m:]
	}
	return n
}

// DecodeShownStamp returns the stamp of what [board.Board.Show] makes of an encoded row at
// now, for about what [DecodeStamp] takes. What that says of errors holds here too.
func DecodeShownStamp(b []byte, on *board.Board, now time.Time) (inbox.Stamp, error) {
	h, err := readHead(b, forBoard)
	if err != nil {
		return inbox.Stamp{}, err
	}
	if h.spread {
		s, err := DecodeState(b)
		return on.Stamp(&s, now), err
	}
	v := on.Viewed(h.version)
	if err := h.viewTopics(&v); err != nil {
		return inbox.Stamp{}, err
	}
	if len(h.notices) == 0 {
		// None of the items is a notice: what they count for needs no more than times.
		passed, err := h.passed(now)
		if err != nil {
			return inbox.Stamp{}, err
		}
		stamp := v.Stamp(now)
		stamp.Passed += passed
		return stamp, nil
	}
	err = h.eachItem(func(e *inbox.Entry) { v.Item(e, now) })
	return v.Stamp(now), err
}

// DecodeShownBadge returns the badge of what [board.Board.Show] makes of an encoded row at
// now, for about what [DecodeBadge] takes. What [DecodeStamp] says of errors holds here too.
func DecodeShownBadge(b []byte, on *board.Board, now time.Time) (inbox.Badge, error) {
	h, err := readHead(b, forBadge|forBoard)
	if err != nil {
		return inbox.Badge{}, err
	}
	if h.spread {
		s, err := DecodeState(b)
		if err != nil {
			return inbox.Badge{}, err
		}
		s = on.Show(s)
		return s.Badge(now), nil
	}
	v := on.Counted(h.version)
	if err := h.viewTopics(&v.Viewed); err != nil {
		return inbox.Badge{}, err
	}
	for _, category := range h.mutes {
		v.Mute(category)
	}
	err = h.eachItem(func(e *inbox.Entry) { v.Item(e, now) })
	return v.Badge(now), err
}

// viewTopics tells of the topics of the row.
func (h *rowHead) viewTopics(v *board.Viewed) error {
	if len(h.topics)%8 != 0 {
		return corrupt("row", "topics of %d bytes", len(h.topics))
	}
	for rest := h.topics; len(rest) > 0; rest = rest[8:] {
		v.Topic(binary.LittleEndian.Uint64(rest))
	}
	return nil
}

// nextNotice takes the first value of the column of notices off it, and returns the place
// of the item that it is, after that of the one before; -1 for none.
func (h *rowHead) nextNotice(before int) int {
	delta, n := protowire.ConsumeVarint(h.notices)
	if n < 0 || delta > uint64(len(h.meta)) {
		return -1
	}
	h.notices = h.notices[n:]
	return max(before, 0) + int(delta)
}

// eachItem calls visit with what the row says of each item to a badge. The entry is good
// for that call.
func (h *rowHead) eachItem(visit func(*inbox.Entry)) error {
	// Nothing is copied for what is the user's own.
	var e inbox.Entry
	var shared inbox.Shared
	notice := -1
	if len(h.notices) > 0 {
		notice = h.nextNotice(-1)
	}
	for i := 0; len(h.meta) > 0; i++ {
		meta, n := protowire.ConsumeVarint(h.meta)
		if n < 0 {
			return corrupt("row", "%v", protowire.ParseError(n))
		}
		h.meta = h.meta[n:]
		delta, n := protowire.ConsumeVarint(h.seqs)
		if n < 0 || len(h.hashes) < 8 {
			return corrupt("row", "columns of items do not match")
		}
		h.seqs = h.seqs[n:]
		setFlags(&e, meta)
		e.Seq += delta
		e.Category, e.ExpiresAt, e.Until, e.Shown, e.Shared = "", 0, 0, 0, nil
		if i == notice {
			shared.Audience = binary.LittleEndian.Uint64(h.hashes)
			e.Shared = &shared
			notice = h.nextNotice(notice)
		}
		h.hashes = h.hashes[8:]
		if err := h.sparse(&e, meta); err != nil {
			return err
		}
		visit(&e)
	}
	return nil
}

// sparse gives e what the row says of it beside its flags: ExpiresAt, Category, Until and
// whether Shown is 0.
func (h *rowHead) sparse(e *inbox.Entry, meta uint64) (err error) {
	if meta&metaExpiresAt != 0 {
		if e.ExpiresAt, err = h.nextExpiry(); err != nil {
			return err
		}
	}
	category := meta >> metaCategoryShift
	if category > uint64(len(h.categories)) && h.parts&forBadge != 0 {
		return corrupt("row", "category %d of %d", category, len(h.categories))
	}
	if category > 0 && h.parts&forBadge != 0 {
		e.Category = h.categories[category-1]
	}
	if h.uses&usesTime != 0 {
		return h.nextTime(e)
	}
	return nil
}
