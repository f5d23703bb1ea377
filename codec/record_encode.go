package codec

import (
	"encoding/binary"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

// encodeNotify is [EncodeRecord] for a notification, of which nearly all records are. It
// reports false for one that the generated codec has to say something about.
func encodeNotify(r *inbox.Record) ([]byte, bool) {
	size, ok := sizeNotification(&r.Notification)
	if !ok || !utf8.ValidString(r.Rule) {
		return nil, false
	}
	b := make([]byte, 0, size+2*binary.MaxVarintLen32+len(r.Rule)+64)
	b = appendVarint(b, 1, uint64(formatOf(r)))
	b = appendVarint(b, 2, uint64(r.Kind))
	b = appendNotification(appendLength(b, 3, size), &r.Notification)
	b = appendText(b, 5, r.Rule)
	b = appendOrigin(b, &r.Origin)
	return appendVarint(b, 10, protowire.EncodeBool(r.Silent)), true
}

// texts are the fields of a notification that are one text each, by their numbers.
type texts [10]struct {
	number protowire.Number
	text   string
}

func textsOf(n *belfry.Notification) texts {
	return texts{
		{notificationID, n.ID}, {notificationSource, n.Source}, {notificationType, n.Type}, {notificationCategory, n.Category},
		{notificationURL, n.URL}, {notificationActorID, n.Actor.ID}, {notificationActorName, n.Actor.Name}, {notificationActorAvatar, n.Actor.Avatar},
		{notificationKey, n.CollapseKey}, {notificationAudience, n.Audience},
	}
}

// textsBefore are how many of texts stand before the priority.
const textsBefore = 4

// times are those of a notification, by their numbers.
func timesOf(n *belfry.Notification) [3]struct {
	number protowire.Number
	at     time.Time
} {
	return [...]struct {
		number protowire.Number
		at     time.Time
	}{{notificationTime, n.Time}, {notificationExpiresAt, n.ExpiresAt}, {notificationDeliverAt, n.DeliverAt}}
}

// sizeNotification is how many bytes appendNotification appends. It reports false for
// what cannot be encoded.
func sizeNotification(n *belfry.Notification) (size int, ok bool) {
	if !validPriority(n.Priority) {
		return 0, false
	}
	if n.Priority != 0 {
		size = 2
	}
	for _, f := range textsOf(n) {
		if !utf8.ValidString(f.text) {
			return 0, false
		}
		if f.text != "" {
			size += protowire.SizeTag(f.number) + protowire.SizeBytes(len(f.text))
		}
	}
	for _, t := range [...]belfry.Text{n.Title, n.Body} {
		for language, text := range t {
			if !utf8.ValidString(language) || !utf8.ValidString(text) {
				return 0, false
			}
			size += 1 + protowire.SizeBytes(sizeOfLanguage(language, text))
		}
	}
	for _, f := range timesOf(n) {
		if f.at.IsZero() {
			continue
		}
		if checkTime("", "", f.at) != nil {
			return 0, false
		}
		size += protowire.SizeTag(f.number) + sizeVarint(uint64(f.at.UnixMilli()))
	}
	if len(n.Data) > 0 {
		size += 1 + protowire.SizeBytes(len(n.Data))
	}
	return size + len(n.Extra), true
}

func sizeOfLanguage(language, text string) int {
	return 2 + protowire.SizeBytes(len(language)) + protowire.SizeBytes(len(text))
}

// appendNotification appends the fields by rising numbers, and a map's entries by rising
// keys, as the generated codec does.
func appendNotification(b []byte, n *belfry.Notification) []byte {
	texts, times := textsOf(n), timesOf(n)
	for _, f := range texts[:textsBefore] {
		b = appendText(b, f.number, f.text)
	}
	b = appendVarint(b, notificationPriority, protowire.EncodeZigZag(int64(n.Priority)))
	b = appendLanguages(b, notificationTitle, n.Title)
	b = appendLanguages(b, notificationBody, n.Body)
	for _, f := range texts[textsBefore : len(texts)-1] {
		b = appendText(b, f.number, f.text)
	}
	b = appendTime(b, times[0].number, times[0].at)
	b = appendTime(b, times[1].number, times[1].at)
	if len(n.Data) > 0 {
		b = append(appendLength(b, notificationData, len(n.Data)), n.Data...)
	}
	b = appendTime(b, times[2].number, times[2].at)
	b = appendText(b, notificationAudience, n.Audience)
	return append(b, n.Extra...)
}

// appendText appends a field of a text, none for "", as proto3 does.
func appendText(b []byte, number protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return append(appendLength(b, number, len(s)), s...)
}

func appendTime(b []byte, number protowire.Number, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), uint64(t.UnixMilli()))
}

func appendLanguages(b []byte, number protowire.Number, t belfry.Text) []byte {
	if s, ok := t[""]; ok && len(t) == 1 { // as most are: without sorting
		return appendLanguage(b, number, "", s)
	}
	if len(t) == 0 {
		return b
	}
	for _, language := range t.Languages() {
		b = appendLanguage(b, number, language, t[language])
	}
	return b
}

// appendLanguage appends an entry of a map, which has both of its fields.
func appendLanguage(b []byte, number protowire.Number, language, text string) []byte {
	b = appendLength(b, number, sizeOfLanguage(language, text))
	b = append(appendLength(b, 1, len(language)), language...)
	return append(appendLength(b, 2, len(text)), text...)
}

func appendOrigin(b []byte, o *inbox.Origin) []byte {
	if o.IsZero() {
		return b
	}
	var room [64]byte
	in := append(appendLength(room[:0], 1, len(o.TopicID)), o.TopicID[:]...)
	in = appendVarint(in, 2, uint64(int64(o.Partition)))
	if o.Rule != 0 {
		in = protowire.AppendFixed64(protowire.AppendTag(in, 3, protowire.Fixed64Type), o.Rule)
	}
	in = appendVarint(in, 4, uint64(o.Offset))
	in = appendVarint(in, 5, uint64(int64(o.Index)))
	return append(appendLength(b, 6, len(in)), in...)
}
