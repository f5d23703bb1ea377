package belfry

import (
	"errors"
	"strings"
)

// AudienceAll is the audience of a notice to everybody.
const AudienceAll = "all"

const audienceTopic = "topic:"

// MaxTopicBytes is the longest name of a topic, in bytes of UTF-8.
const MaxTopicBytes = 64

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
	var fe *FieldError
	if errors.As(CheckRecipient(topic), &fe) {
		return Invalid(field, "the name of a topic %s", fe.Problem)
	}
	return nil
}
