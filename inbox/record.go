package inbox

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/belfry/belfry"
)

// Kind is what a journal record asks for.
type Kind uint8

// The kinds of journal records. Their numbers are stored: never reuse one.
const (
	KindNotify    Kind = 1 + iota // a notification for the recipient
	KindSeen                      // seqs or up_to were shown
	KindRead                      // seqs or up_to were read
	KindUnread                    // seqs are unread again
	KindArchive                   // seqs or up_to are put away
	KindUnarchive                 // seqs are back from the archive
	KindDelete                    // seqs or up_to are removed
	KindRetract                   // the sender takes a notification back
	KindErase                     // all content of the recipient goes
	KindTouch                     // settles what has passed, and changes nothing else; the owner writes the row again
	KindSnooze                    // seqs are hidden until a time
	KindUnsnooze                  // seqs that the user has snoozed show again
	KindMute                      // what arrives in a category is put away, read
	KindUnmute                    // what arrives in a category shows again

	KindPrefs        // preferences are merged into those there are
	KindEndpoint     // an endpoint is added
	KindEndpointGone // endpoints are removed
	KindTell         // items are due on a channel
	KindUntell       // a decision of a channel is returned

	KindJoin        // the recipient is new: notices of before go
	KindSubscribe   // the recipient gets the notices to a topic from now on
	KindUnsubscribe // and gets them no longer
)

var kindNames = [...]string{
	KindNotify: "notify", KindSeen: "seen", KindRead: "read", KindUnread: "unread",
	KindArchive: "archive", KindUnarchive: "unarchive", KindDelete: "delete",
	KindRetract: "retract", KindErase: "erase", KindTouch: "touch",
	KindSnooze: "snooze", KindUnsnooze: "unsnooze", KindMute: "mute", KindUnmute: "unmute",
	KindPrefs: "prefs", KindEndpoint: "endpoint", KindEndpointGone: "endpoint-gone", KindTell: "tell", KindUntell: "untell",
	KindJoin: "join", KindSubscribe: "subscribe", KindUnsubscribe: "unsubscribe",
}

// Valid reports whether k is one of the kinds above.
func (k Kind) Valid() bool { return k >= KindNotify && k <= KindUnsubscribe }

// String returns the name of k in lower case.
func (k Kind) String() string {
	if !k.Valid() {
		return fmt.Sprintf("kind(%d)", uint8(k))
	}
	return kindNames[k]
}

// ParseAction returns the kind of the user command with that name: seen, read,
// unread, archive, unarchive or delete.
func ParseAction(name string) (Kind, bool) {
	for k := KindSeen; k <= KindDelete; k++ {
		if kindNames[k] == name {
			return k, true
		}
	}
	return 0, false
}

// TakesHorizon reports whether the command k may name its items by up_to.
// Unread and unarchive may not: nobody means "all of it, whatever it is".
func (k Kind) TakesHorizon() bool {
	return k == KindSeen || k == KindRead || k == KindArchive || k == KindDelete
}

// Record is one record of a recipient's journal. The recipient is the record's
// key and no part of it. Which fields count depends on Kind.
type Record struct {
	Kind Kind

	// Notification belongs to KindNotify; its Recipient is ignored.
	Notification belfry.Notification
	// Rule is the name of the rule that made a notify or retract record, empty
	// for all that comes from HTTP, emitters or the built-in source.
	Rule string
	// Origin tells where the router read what it made a notify, retract, prefs, endpoint,
	// endpoint-gone, join, subscribe or unsubscribe record of. It is zero for records that the router did not write.
	Origin Origin
	// Silent says that a notify record is older than its source's activation:
	// the item arrives read and seen, so that nobody is alerted to it. One that
	// replaces an unread item stays unread, since nothing silent may take an
	// unread mark away.
	Silent bool

	// Retraction belongs to KindRetract; its Recipient is ignored.
	Retraction belfry.Retraction

	// Seqs names the items of a user command or of KindTell, the endpoints of
	// KindEndpointGone, and the endpoint that KindEndpoint leaves as it is, if that is
	// still there.
	Seqs []uint64
	// UpTo, unless 0, is the version that the user has on the screen: the command is
	// also for all items whose [Entry.Place] and Unarchived are at most that and that
	// are not archived, of Category if that is not empty. Seqs are then those on that
	// screen whose wake was not settled. The newest seq on the screen, which older
	// clients send, is at most that version.
	UpTo uint64
	// Category narrows UpTo. It is what KindMute and KindUnmute are for.
	Category string
	// Until is when what KindSnooze hides shows again, in milliseconds since 1970.
	Until int64

	// Prefs is the merge patch (RFC 7396) of KindPrefs, a JSON object.
	Prefs []byte
	// Endpoint belongs to KindEndpoint; its Seq is ignored.
	Endpoint *Address
	// EndpointHash, unless 0, names an endpoint of KindEndpointGone besides Seqs.
	EndpointHash uint64
	// Reason says why endpoints are gone, or a channel is switched off; empty where that is
	// their user's word. It is one that [CutReason] leaves as it is.
	Reason string
	// Soft says that a message to endpoints of KindEndpointGone came back for a cause that
	// may pass: they are gone when that was so on [MaxBounceDays] days.
	Soft   bool
	Tell   *Tell   // belongs to KindTell
	Untell *Untell // belongs to KindUntell

	Topic string // the name of what KindSubscribe and KindUnsubscribe are for
}

// Origin is where in a source topic a journal record comes from. (Offset,
// Index) rises strictly in what one rule makes of one partition of one
// incarnation of a topic; that is what makes a watermark of it sound.
type Origin struct {
	TopicID   [16]byte
	Partition int32
	Rule      uint64 // hash of the rule's text
	Offset    int64
	Index     int32 // which of the records made of that offset for this recipient
}

// IsZero reports whether the record has no origin.
func (o Origin) IsZero() bool { return o == Origin{} }

// Audience is that of a notice or of its retraction, "" for what is for one recipient.
func (r *Record) Audience() string {
	if r.Kind == KindRetract {
		return r.Retraction.Audience
	}
	return r.Notification.Audience
}

// Named returns the source and id of what a notify or retract record names.
func (r *Record) Named() (source, id string) {
	if r.Kind == KindRetract {
		return r.Retraction.Source, r.Retraction.ID
	}
	return r.Notification.Source, r.Notification.ID
}

// Identity returns the [IdentityHash] of what a notify or retract record names. Each
// audience has identities of its own.
func (r *Record) Identity() uint64 {
	source, id := r.Named()
	if audience := r.Audience(); audience != "" && id != "" {
		return hash64([]byte(source), []byte(id), []byte(r.Rule), []byte(audience))
	}
	return IdentityHash(source, id, r.Rule)
}

// collapse returns the [CollapseHash] of a key of the record. Each audience has keys of
// its own.
func (r *Record) collapse(key string) uint64 {
	if audience := r.Audience(); audience != "" && key != "" {
		return hash64([]byte(key), []byte(audience))
	}
	return CollapseHash(key)
}

// watermarkKey is of what is for an audience, or for one recipient if that is empty.
func (o Origin) watermarkKey(audience string) uint64 {
	var b [28]byte
	copy(b[:], o.TopicID[:])
	binary.BigEndian.PutUint32(b[16:], uint32(o.Partition))
	binary.BigEndian.PutUint64(b[20:], o.Rule)
	if audience == "" {
		return hash64(b[:])
	}
	return hash64(b[:], []byte(audience))
}

// Addressed is one journal record for each of several recipients, who are the
// keys: they share its parts.
type Addressed struct {
	Recipients []string
	Record     Record
}

// RecordOf returns the journal record of a message.
func RecordOf(m belfry.Message) Record {
	if m.Retract {
		return Record{Kind: KindRetract, Retraction: m.Retraction}
	}
	return Record{Kind: KindNotify, Notification: m.Notification}
}

// IdentityHash returns the 64 bits by which a row recognises a notification
// again: the first 8 bytes, big-endian, of the SHA-256 of source, id and rule,
// each preceded by its length as 4 bytes. It returns 0, which matches nothing,
// for an empty id. Rule is empty for all that does not come from a rules file.
func IdentityHash(source, id, rule string) uint64 {
	if id == "" {
		return 0
	}
	return hash64([]byte(source), []byte(id), []byte(rule))
}

// CollapseHash returns the 64 bits by which a row recognises a collapse key
// again, or 0, which matches nothing, for an empty key.
func CollapseHash(key string) uint64 {
	if key == "" {
		return 0
	}
	return hash64([]byte(key))
}

// Everybody is the [AudienceHash] of [belfry.AudienceAll].
const Everybody = 1

// AudienceHash returns the 64 bits by which rows know an audience: Everybody, or that of
// a topic, which is another.
func AudienceHash(audience string) uint64 {
	if audience == belfry.AudienceAll {
		return Everybody
	}
	return max(hash64([]byte("audience"), []byte(audience)), Everybody+1)
}

// ActorHash returns the 64 bits by which a row tells people apart, by id or else by
// name, or 0, which is nobody, for an actor without either.
func ActorHash(a belfry.Actor) uint64 {
	switch {
	case a.ID != "":
		return hash64([]byte("id"), []byte(a.ID))
	case a.Name != "":
		return hash64([]byte("name"), []byte(a.Name))
	}
	return 0
}

// RuleHash returns the hash of a rule's text, as it stands in an [Origin].
func RuleHash(text string) uint64 { return hash64([]byte(text)) }

func hash64(parts ...[]byte) uint64 {
	var stack [256]byte
	buf := stack[:0]
	for _, p := range parts {
		buf = binary.BigEndian.AppendUint32(buf, uint32(len(p)))
		buf = append(buf, p...)
	}
	sum := sha256.Sum256(buf)
	// 0 means "no hash" everywhere, so it must not come out of one.
	return max(binary.BigEndian.Uint64(sum[:8]), 1)
}
