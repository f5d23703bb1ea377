package codec

import (
	"time"
	"unicode/utf8"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

// FoldRecord is a journal record as far as [inbox.State.Apply] looks at it, with
// what its content is made of. Its texts are parts of the value that it was
// decoded from: that may not be modified, and stays in memory as long as they do.
type FoldRecord struct {
	inbox.Record
	// notification is the content as encoded; nil: Record has all of it.
	notification []byte
}

// DecodeForFold is [DecodeJournal] for who folds: of a notification it decodes the
// few fields that the fold needs, and checks the others.
func DecodeForFold(value []byte) (FoldRecord, error) {
	var r FoldRecord
	if r.decode(value) {
		return r, nil
	}
	full, err := DecodeJournal(value)
	return FoldRecord{Record: full}, err
}

// Content returns the value of the record's content in the inbox table, as
// [EncodeItem] does for an item of that seq, whose record has that timestamp.
func (r *FoldRecord) Content(seq uint64, at time.Time) ([]byte, error) {
	if r.notification == nil {
		return EncodeItem(inbox.NewItem(r.Notification, seq, at))
	}
	b := make([]byte, 0, len(r.notification)+16+sizeVarint(seq))
	b = appendVarint(b, itemFormatField, itemFormat)
	b = appendVarint(b, itemSeq, seq)
	return append(appendLength(b, itemNotification, len(r.notification)), r.notification...), nil
}

// decode gives false for what takes DecodeJournal, also to find what is wrong:
// other kinds, a notification without a time, and fields that no writer of ours
// lays out so.
func (r *FoldRecord) decode(b []byte) bool {
	format, seen := uint64(0), uint32(0)
	for len(b) > 0 {
		number, wireType, n := protowire.ConsumeTag(b)
		if n < 0 || number > 10 || seen&(1<<number) != 0 {
			return false
		}
		seen |= 1 << number
		b = b[n:]
		var v uint64
		var part []byte
		switch wireType {
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			part, n = protowire.ConsumeBytes(b)
		default:
			return false
		}
		if n < 0 {
			return false
		}
		b = b[n:]
		ok := wireType == protowire.VarintType
		switch number {
		case 1:
			format = v
		case 2:
			ok = ok && v == uint64(inbox.KindNotify)
			r.Kind = inbox.KindNotify
		case 3:
			ok = !ok && r.decodeNotification(part)
			r.notification = part
		case 5:
			ok = !ok && utf8.Valid(part)
			r.Rule = alias(part)
		case 6:
			ok = !ok && decodeOrigin(part, &r.Origin)
		case 10:
			r.Silent = v != 0
		default:
			ok = false
		}
		if !ok {
			return false
		}
	}
	return format >= firstFormat && format <= recordFormat && r.Kind == inbox.KindNotify && !r.Notification.Time.IsZero()
}

// The field numbers of belfrypb.Item.
const (
	itemFormatField  = 1
	itemSeq          = 2
	itemNotification = 3
)

// The field numbers of belfrypb.Notification; 15 is bytes, all others below that are
// texts but for 5 to 7.
const (
	notificationID          = 1
	notificationSource      = 2
	notificationType        = 3
	notificationCategory    = 4
	notificationPriority    = 5
	notificationTitle       = 6
	notificationBody        = 7
	notificationURL         = 8
	notificationActorID     = 9
	notificationActorName   = 10
	notificationActorAvatar = 11
	notificationKey         = 12
	notificationTime        = 13
	notificationExpiresAt   = 14
	notificationData        = 15
	notificationDeliverAt   = 16
	notificationAudience    = 17
)

func (r *FoldRecord) decodeNotification(b []byte) bool {
	out := &r.Notification
	seen := uint32(0)
	for len(b) > 0 {
		number, wireType, n := protowire.ConsumeTag(b)
		if n < 0 {
			return false
		}
		b = b[n:]
		switch number {
		case notificationTitle, notificationBody:
		default:
			if number > notificationAudience {
				// Of a newer program: it goes along as it is.
				if n = protowire.ConsumeFieldValue(number, wireType, b); n < 0 {
					return false
				}
				b = b[n:]
				continue
			}
			if seen&(1<<number) != 0 {
				return false
			}
			seen |= 1 << number
		}
		switch number {
		case notificationPriority, notificationTime, notificationExpiresAt, notificationDeliverAt:
			v, n := protowire.ConsumeVarint(b)
			if wireType != protowire.VarintType || n < 0 || !setNumber(out, number, v) {
				return false
			}
			b = b[n:]
			continue
		}
		part, n := protowire.ConsumeBytes(b)
		if wireType != protowire.BytesType || n < 0 {
			return false
		}
		b = b[n:]
		switch number {
		case notificationTitle, notificationBody:
			if !isText(part) {
				return false
			}
			continue
		case notificationData:
			continue
		}
		if !utf8.Valid(part) {
			return false
		}
		switch number {
		case notificationID:
			out.ID = alias(part)
		case notificationSource:
			out.Source = alias(part)
		case notificationCategory:
			out.Category = alias(part)
		case notificationActorID:
			out.Actor.ID = alias(part)
		case notificationActorName:
			out.Actor.Name = alias(part)
		case notificationKey:
			out.CollapseKey = alias(part)
		case notificationAudience:
			out.Audience = alias(part)
		}
	}
	return true
}

func setNumber(n *belfry.Notification, number protowire.Number, v uint64) bool {
	if number == notificationPriority {
		p := int32(protowire.DecodeZigZag(v & 0xffffffff))
		n.Priority = belfry.Priority(p)
		return p == int32(n.Priority) && validPriority(n.Priority)
	}
	at := time.UnixMilli(int64(v)).UTC()
	switch number {
	case notificationTime:
		n.Time = at
	case notificationExpiresAt:
		n.ExpiresAt = at
	case notificationDeliverAt:
		n.DeliverAt = at
	}
	return checkTime("record", "time", at) == nil
}

// isText reports whether b is an entry of a text: a language and what it says.
func isText(b []byte) bool {
	for len(b) > 0 {
		number, wireType, n := protowire.ConsumeTag(b)
		if n < 0 || wireType != protowire.BytesType || number > 2 {
			return false
		}
		b = b[n:]
		part, n := protowire.ConsumeBytes(b)
		if n < 0 || !utf8.Valid(part) {
			return false
		}
		b = b[n:]
	}
	return true
}

func decodeOrigin(b []byte, o *inbox.Origin) bool {
	id := false
	for len(b) > 0 {
		number, wireType, n := protowire.ConsumeTag(b)
		if n < 0 {
			return false
		}
		b = b[n:]
		switch {
		case number == 1 && wireType == protowire.BytesType:
			var part []byte
			part, n = protowire.ConsumeBytes(b)
			if len(part) != len(o.TopicID) {
				return false
			}
			copy(o.TopicID[:], part)
			id = true
		case number == 3 && wireType == protowire.Fixed64Type:
			o.Rule, n = protowire.ConsumeFixed64(b)
		case (number == 2 || number == 4 || number == 5) && wireType == protowire.VarintType:
			var v uint64
			v, n = protowire.ConsumeVarint(b)
			switch number {
			case 2:
				o.Partition = int32(v)
			case 4:
				o.Offset = int64(v)
			case 5:
				o.Index = int32(v)
			}
		default:
			return false
		}
		if n < 0 {
			return false
		}
		b = b[n:]
	}
	return id
}

// alias is b as a text, without a copy.
func alias(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
