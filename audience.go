package belfry

import (
	"errors"
	"strings"
	"time"
)

// AudienceAll is the audience of a notice to everybody.
const AudienceAll = "all"

const audienceTopic = "topic:"

// MaxTopicBytes is the longest name of a topic, in bytes of UTF-8.
const MaxTopicBytes = 64

// A notice is listed for MaxNoticeStay at the most, and for NoticeStay where its sender
// says nothing. Both count from its deliver_at, or from when it is taken in.
const (
	NoticeStay    = 30 * 24 * time.Hour
	MaxNoticeStay = 365 * 24 * time.Hour
)

// MaxNotices is how many notices to many, and retractions of them, one record or call may be:
// each holds all that is written to a partition up until it is folded.
const MaxNotices = 250

// CheckNotices returns nil for up to [MaxNotices], else a [*FieldError] for the field
// "audience".
func CheckNotices(n int) error {
	if n > MaxNotices {
		return Invalid("audience", "at most %d notices to many may be written at once, not %d: leave out what nobody needs to be told, or write the others later", MaxNotices, n)
	}
	return nil
}

// TopicAudience returns the audience of a notice to those who have subscribed to a
// topic: "topic:" and its name.
func TopicAudience(topic string) string { return audienceTopic + topic }

// CheckAudience returns nil for [AudienceAll] and for the audience of a topic whose name
// passes [CheckTopic], else a [*FieldError] for the field "audience".
func CheckAudience(audience string) error {
	topic, ok := strings.CutPrefix(audience, audienceTopic)
	switch {
	case audience == AudienceAll:
		return nil
	case !ok:
		return Invalid("audience", "must be all or topic:<name>, not %.40q", audience)
	}
	return checkTopic("audience", topic)
}

// CheckTopic returns nil for the name of a topic: 1 to 64 bytes of what a recipient may
// be made of ([CheckRecipient]). Otherwise it returns a [*FieldError] for the field
// "topic".
func CheckTopic(topic string) error { return checkTopic("topic", topic) }

func checkTopic(field, topic string) error {
	if len(topic) > MaxTopicBytes {
		return Invalid(field, "the name of a topic must be at most %d bytes, has %d", MaxTopicBytes, len(topic))
	}
	if fe, ok := errors.AsType[*FieldError](CheckRecipient(topic)); ok {
		return Invalid(field, "the name of a topic %s", fe.Problem)
	}
	return nil
}

// checkAddressee returns what is wrong with whom something is for.
func checkAddressee(recipient, audience string) error {
	switch {
	case audience == "":
		return CheckRecipient(recipient)
	case recipient != "":
		return Invalid("audience", "give either audience or a recipient, not both")
	}
	return CheckAudience(audience)
}

// Settle gives a notice that has no ExpiresAt the usual one: each partition gets a record
// of its own, and what they hold must go everywhere at once. At is when the notice was
// taken in, the same each time that is done again. It does nothing for what is no notice.
func (n *Notification) Settle(at time.Time) {
	if n.Audience != "" && n.ExpiresAt.IsZero() {
		n.ExpiresAt = n.shownFrom(at).Add(NoticeStay).UTC().Truncate(time.Millisecond)
	}
}

// shownFrom is when a notice that was taken in at a time begins to be listed.
func (n *Notification) shownFrom(at time.Time) time.Time {
	if n.DeliverAt.After(at) {
		return n.DeliverAt
	}
	return at
}

// LatestExpiry is up to when a notice that was taken in at a time may be listed.
func (n *Notification) LatestExpiry(at time.Time) time.Time {
	return n.shownFrom(at).Add(MaxNoticeStay)
}

// checkStay refuses a notice that would be listed for longer than there may be.
func (n *Notification) checkStay(now time.Time) error {
	if n.Audience == "" || n.ExpiresAt.IsZero() {
		return nil
	}
	if most := n.LatestExpiry(now); n.ExpiresAt.After(most) {
		return Invalid("expires_at", "a notice is listed for a year at most: must not be after %s", most.UTC().Format(time.RFC3339))
	}
	return nil
}

// PartitionKeys returns the keys of the first n partitions ([PartitionKey]): a record for
// an audience is written under each of them.
func PartitionKeys(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = PartitionKey(int32(i))
	}
	return keys
}
