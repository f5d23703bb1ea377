package belfry

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DefaultPrefix is what the names of all topics and groups begin with.
const DefaultPrefix = "belfry"

// DefaultPartitions is how many partitions a topic of ours gets.
const DefaultPartitions = 12

var prefixPattern = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9._-]{0,98}[a-zA-Z0-9])?$`)

// Prefix begins the names of all topics and groups of one installation.
type Prefix string

// Check returns a [*FieldError] for a prefix of which no topic name can be
// made: it must be 1 to 100 letters, digits, '.', '_' or '-', with a letter or
// digit at both ends.
func (p Prefix) Check() error {
	if !prefixPattern.MatchString(string(p)) {
		return Invalid("prefix", "must be 1 to 100 letters, digits, '.', '_' or '-', with a letter or digit at both ends, not %.120q", string(p))
	}
	return nil
}

// Notifications is the built-in source topic, keyed by anything.
func (p Prefix) Notifications() string { return string(p) + ".notifications" }

// Journal is the one ordered log, keyed by recipient.
func (p Prefix) Journal() string { return string(p) + ".journal" }

// DeadLetters takes what could not be processed, as it was received.
func (p Prefix) DeadLetters() string { return string(p) + ".dead-letters" }

// Outbound takes what the owners of rows have decided to send to users who do not look,
// keyed by recipient.
func (p Prefix) Outbound() string { return string(p) + ".outbound" }

// WebPushGroup is the consumer group of those who send web push; it reads Outbound.
func (p Prefix) WebPushGroup() string { return string(p) + "-webpush" }

// RequestsGroup is the consumer group of those who answer requests over Kafka.
func (p Prefix) RequestsGroup() string { return string(p) + "-requests" }

// MailGroup is the consumer group of those who send mail; it reads Outbound.
func (p Prefix) MailGroup() string { return string(p) + "-mail" }

// UnreadGroup is the consumer group of the fold; its table is UnreadTable.
func (p Prefix) UnreadGroup() string { return string(p) + "-unread" }

// UnreadTable holds one state row per recipient.
func (p Prefix) UnreadTable() string { return p.UnreadGroup() + "-table" }

// InboxTable holds one content per inbox.ItemKey; UnreadGroup writes it.
func (p Prefix) InboxTable() string { return string(p) + "-inbox-table" }

// FormerItems is a topic of earlier releases: contents on their way to the inbox
// table, where FormerInboxGroup took them.
func (p Prefix) FormerItems() string { return string(p) + ".items" }

// FormerInboxGroup is a consumer group of earlier releases, see FormerItems.
func (p Prefix) FormerInboxGroup() string { return string(p) + "-inbox" }

// RouterGroup is the consumer group of the router of one source topic.
func (p Prefix) RouterGroup(source string) string { return string(p) + "-router-" + source }

// SourceGroup is a group without members: what is noted of a source of the
// rules, by its topic or pattern, is the metadata of its commits.
func (p Prefix) SourceGroup(source string) string {
	sum := sha256.Sum256(append(binary.BigEndian.AppendUint32(nil, uint32(len(source))), source...))
	return fmt.Sprintf("%s-source-%x", p, sum[:8])
}

// Owns reports whether a topic is one of ours or internal to Kafka, and so
// never matched by a source pattern. Another topic may begin with the prefix:
// an installation "acme" still reads "acme.orders".
func (p Prefix) Owns(topic string) bool {
	return strings.HasPrefix(topic, "__") || topic == p.FormerItems() ||
		slices.ContainsFunc(p.Topics(1), func(s TopicSpec) bool { return s.Name == topic })
}

// GroupInputs returns the groups of an installation, each with the topics it
// reads.
func (p Prefix) GroupInputs() map[string][]string {
	return map[string][]string{
		p.RouterGroup(p.Notifications()): {p.Notifications()},
		p.UnreadGroup():                  {p.Journal()},
	}
}

// Header is one header of a Kafka record. Names may be repeated.
type Header struct {
	Key   string
	Value []byte
}

// TopicSpec is what a topic of ours must be like. Config holds the settings
// that differ from a broker's defaults, by their Kafka names.
type TopicSpec struct {
	Name       string
	Partitions int
	Config     map[string]string
}

// Topics returns the specification of every topic, each with that many
// partitions. Compacted tables carry the bounds by which an erasure is gone
// from disk: min.compaction.lag.ms of 1 h, max.compaction.lag.ms of 24 h.
func (p Prefix) Topics(partitions int) []TopicSpec {
	spec := func(name string, config map[string]string) TopicSpec {
		return TopicSpec{Name: name, Partitions: partitions, Config: config}
	}
	return []TopicSpec{
		spec(p.Notifications(), retained(7*24*time.Hour, nil)),
		// One clock must rule what expires, so the broker stamps the journal.
		spec(p.Journal(), retained(7*24*time.Hour, map[string]string{"message.timestamp.type": "LogAppendTime"})),
		spec(p.UnreadTable(), compacted()),
		spec(p.InboxTable(), compacted()),
		// As long as dead letters of it may be replayed.
		spec(p.Outbound(), retained(30*24*time.Hour, nil)),
		// A record of the usual largest size and what we say of it must fit.
		spec(p.DeadLetters(), retained(30*24*time.Hour, map[string]string{"max.message.bytes": "2097152"})),
	}
}

// The topics of request and reply, unless somebody says otherwise. They belong to the
// services that ask, so that they are outside of every prefix.
const (
	DefaultRequestTopic = "v1.event.subscription.request"
	DefaultReplyTopic   = "v1.event.subscription.response"
)

// ExchangeTopics returns the specification of a request topic and of topics that answers
// go to, each with that many partitions. An answer is for who waits for it: a day is ample.
func ExchangeTopics(request string, replies []string, partitions int) []TopicSpec {
	out := []TopicSpec{{Name: request, Partitions: partitions, Config: retained(7*24*time.Hour, nil)}}
	for _, reply := range replies {
		out = append(out, TopicSpec{Name: reply, Partitions: partitions, Config: retained(24*time.Hour, nil)})
	}
	return out
}

func retained(d time.Duration, more map[string]string) map[string]string {
	config := map[string]string{
		"cleanup.policy": "delete",
		"retention.ms":   millis(d),
		// Only closed segments are deleted: without this a quiet topic keeps
		// its records long after their time.
		"segment.ms": millis(24 * time.Hour),
	}
	maps.Copy(config, more)
	return config
}

// CompactionLag is for how long the tables keep every record.
const CompactionLag = time.Hour

func compacted() map[string]string {
	return map[string]string{
		"cleanup.policy":        "compact",
		"min.compaction.lag.ms": millis(CompactionLag),
		"max.compaction.lag.ms": millis(24 * time.Hour),
		"segment.ms":            millis(time.Hour),
		// A server that was away for a day still sees the tombstones.
		"delete.retention.ms": millis(24 * time.Hour),
	}
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
