package deadletter

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/belfry/belfry"
)

// Reason is why a record became a dead letter. The list is fixed; texts for
// people stand in the header [HeaderError].
type Reason string

// The reasons.
const (
	ReasonEmpty       Reason = "empty"       // no bytes at all
	ReasonInvalid     Reason = "invalid"     // not decodable as an event, or a field missing or wrong
	ReasonTooLarge    Reason = "too-large"   // over a size limit
	ReasonRule        Reason = "rule"        // a rule could not be applied to it
	ReasonUndecodable Reason = "undecodable" // a record of ours that does not decode
	ReasonPanic       Reason = "panic"       // processing it failed in a way it never should
	ReasonUndelivered Reason = "undelivered" // a decision to send that reached no endpoint, however often it was tried
)

// ReasonForeign stands for a record of the dead-letter topic that is no dead
// letter: somebody else wrote it there. No letter has it.
const ReasonForeign Reason = "foreign"

// Reasons returns all reasons that letters have.
func Reasons() []Reason {
	return []Reason{ReasonEmpty, ReasonInvalid, ReasonTooLarge, ReasonRule, ReasonUndecodable, ReasonPanic, ReasonUndelivered}
}

// Headers that a dead letter carries after its own ones. HeaderReason is the
// first of ours: a record's own headers may have any name, these too, so ours
// are the last one of that name and what follows it.
const (
	HeaderReason           = "belfry-reason"            // a Reason
	HeaderError            = "belfry-error"             // what was wrong, for people
	HeaderStack            = "belfry-stack"             // of a panic, cut
	HeaderRule             = "belfry-rule"              // name of the rule that could not be applied
	HeaderField            = "belfry-field"             // of that rule
	HeaderPart             = "belfry-part"              // "recipients": the letter is about some of them alone, all others got theirs
	HeaderGroup            = "belfry-group"             // the consumer group that could not process it
	HeaderTopic            = "belfry-topic"             // where it was read
	HeaderTopicID          = "belfry-topic-id"          // of that topic's incarnation, 32 hex digits
	HeaderPartition        = "belfry-partition"         // decimal
	HeaderOffset           = "belfry-offset"            // decimal
	HeaderTimestamp        = "belfry-timestamp"         // of the record, RFC 3339
	HeaderAttempt          = "belfry-attempt"           // decimal; 1, and one more each time that a replay of it failed
	HeaderVersion          = "belfry-version"           // of the program that set it aside
	HeaderDeadAt           = "belfry-dead-at"           // when it was set aside, RFC 3339
	HeaderTruncated        = "belfry-truncated"         // the value's length before it was cut
	HeaderTruncatedHeaders = "belfry-truncated-headers" // how many headers it had before the last ones were left out
	HeaderTruncatedKey     = "belfry-truncated-key"     // the key's length before it was cut
)

// partRecipients is the only value of [HeaderPart].
const partRecipients = "recipients"

// HeaderReplayed marks a record of the dead-letter topic that is no letter but
// says that letters of its partition were replayed: their offsets, decimal, with
// commas. Its key and value are null and it has no [HeaderReason].
const HeaderReplayed = "belfry-replayed"

// headerReplayOf tells, on a record that a replay wrote into a topic of ours, the
// attempt of the letter that it was made of.
const headerReplayOf = "belfry-replay-of-attempt"

// HeaderCopied marks a record that was written again when its topic was created
// anew: the former topic's ID in hex, "/" and the record's number in the copy.
const HeaderCopied = "belfry-copied"

// Bounds of what a letter says, in bytes of UTF-8; what is longer is cut.
const (
	maxLetterText  = 4096
	maxLetterName  = 512
	maxLetterStack = 4096
)

// ErrNoLetter is matched by the error of [ParseEnvelope] for headers of which
// none are ours, or not those of a letter.
var ErrNoLetter = errors.New("no dead letter")

// Envelope is what our headers of a dead letter say.
type Envelope struct {
	Reason Reason
	Error  string // for people; it may quote the record
	Stack  string // of a panic
	Rule   string // name of the rule that could not be applied; empty if none was to blame
	Field  string // of that rule
	Part   bool   // it is about recipients alone who can be nobody's; all others got theirs

	Group     string
	Topic     string
	TopicID   [16]byte // of its incarnation; zero: not known
	Partition int32
	Offset    int64
	Timestamp time.Time // of the record, as it was processed

	Attempt int    // 1 and up
	Version string // of the program that set it aside
	DeadAt  time.Time

	// Length, HeaderCount and KeyLength are those of the record where the
	// letter has only a part of it, and 0 else.
	Length      int
	HeaderCount int
	KeyLength   int
}

// Cut reports whether the letter is not all of the record, so that it cannot be
// replayed.
func (d *Envelope) Cut() bool { return d.Length > 0 || d.HeaderCount > 0 || d.KeyLength > 0 }

// AsHeaders returns the headers that say this, in order. Texts that are too long
// are cut; all of them take at most 16 KiB.
func (d *Envelope) AsHeaders() []belfry.Header {
	var out []belfry.Header
	add := func(name, value string) { out = append(out, belfry.Header{Key: name, Value: []byte(value)}) }
	some := func(name, value string, most int) {
		if value != "" {
			add(name, cutText(value, most))
		}
	}
	number := func(name string, n int) {
		if n > 0 {
			add(name, strconv.Itoa(n))
		}
	}
	add(HeaderReason, cutText(string(d.Reason), maxLetterName))
	add(HeaderError, cutText(d.Error, maxLetterText))
	some(HeaderStack, d.Stack, maxLetterStack)
	some(HeaderRule, d.Rule, maxLetterName)
	some(HeaderField, d.Field, maxLetterName)
	if d.Part {
		add(HeaderPart, partRecipients)
	}
	add(HeaderGroup, cutText(d.Group, maxLetterName))
	add(HeaderTopic, cutText(d.Topic, maxLetterName))
	if d.TopicID != [16]byte{} {
		add(HeaderTopicID, hex.EncodeToString(d.TopicID[:]))
	}
	add(HeaderPartition, strconv.Itoa(int(d.Partition)))
	add(HeaderOffset, strconv.FormatInt(d.Offset, 10))
	add(HeaderTimestamp, d.Timestamp.UTC().Format(time.RFC3339Nano))
	add(HeaderAttempt, strconv.Itoa(max(d.Attempt, 1)))
	some(HeaderVersion, d.Version, maxLetterName)
	add(HeaderDeadAt, d.DeadAt.UTC().Format(time.RFC3339Nano))
	number(HeaderTruncated, d.Length)
	number(HeaderTruncatedHeaders, d.HeaderCount)
	number(HeaderTruncatedKey, d.KeyLength)
	return out
}

// cutText is a text of at most that many bytes, cut between characters.
func cutText(s string, most int) string {
	if len(s) <= most {
		return s
	}
	s = s[:most]
	for i := 0; i < utf8.UTFMax && len(s) > 0; i++ {
		if r, n := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || n > 1 {
			break
		}
		s = s[:len(s)-1]
	}
	return s
}

// ParseEnvelope reads the headers of a dead letter: ours, and how many before
// them are the record's own. The error matches [ErrNoLetter] if they lack what
// every letter has. A reason that is not known here is one of a newer version.
func ParseEnvelope(headers []belfry.Header) (d Envelope, own int, err error) {
	own = -1
	for i, h := range slices.Backward(headers) {
		if h.Key == HeaderReason {
			own = i
			break
		}
	}
	if own < 0 {
		return d, 0, fmt.Errorf("%w: no header %s", ErrNoLetter, HeaderReason)
	}
	ours := map[string]string{}
	for _, h := range headers[own:] {
		ours[h.Key] = string(h.Value)
	}
	d = Envelope{
		Reason: Reason(ours[HeaderReason]), Error: ours[HeaderError], Stack: ours[HeaderStack],
		Rule: ours[HeaderRule], Field: ours[HeaderField], Group: ours[HeaderGroup], Topic: ours[HeaderTopic],
		Part: ours[HeaderPart] == partRecipients, Version: ours[HeaderVersion], Attempt: 1,
	}
	p := letterParser{headers: ours}
	d.Partition = int32(p.number(HeaderPartition, 31, true))
	d.Offset = int64(p.number(HeaderOffset, 63, true))
	d.Timestamp, d.DeadAt = p.time(HeaderTimestamp), p.time(HeaderDeadAt)
	d.Attempt = max(int(p.number(HeaderAttempt, 31, false)), 1)
	d.Length = int(p.number(HeaderTruncated, 31, false))
	d.HeaderCount = int(p.number(HeaderTruncatedHeaders, 31, false))
	d.KeyLength = int(p.number(HeaderTruncatedKey, 31, false))
	if text, ok := ours[HeaderTopicID]; ok {
		id, err := hex.DecodeString(text)
		if err != nil || len(id) != len(d.TopicID) {
			p.fail(HeaderTopicID)
		}
		copy(d.TopicID[:], id)
	}
	return d, own, p.err
}

// letterParser keeps the first error.
type letterParser struct {
	headers map[string]string
	err     error
}

func (p *letterParser) fail(name string) {
	if p.err == nil {
		p.err = fmt.Errorf("%w: header %s is %.80q", ErrNoLetter, name, p.headers[name])
	}
}

func (p *letterParser) number(name string, bits int, required bool) uint64 {
	text, ok := p.headers[name]
	if !ok && !required {
		return 0
	}
	n, err := parseNumber(text, bits)
	if err != nil {
		p.fail(name)
	}
	return n
}

func (p *letterParser) time(name string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, p.headers[name])
	if err != nil {
		p.fail(name)
	}
	return t
}

// ReplayedMark returns the headers of a record that says that the letters with
// those offsets, of its partition, were replayed.
func ReplayedMark(offsets ...int64) []belfry.Header {
	return []belfry.Header{{Key: HeaderReplayed, Value: []byte(joinOffsets(offsets, ","))}}
}

// ParseReplayedMark returns the offsets that a mark names. It reports false for
// headers of anything else, a letter too.
func ParseReplayedMark(headers []belfry.Header) ([]int64, bool) {
	if len(headers) != 1 || headers[0].Key != HeaderReplayed {
		return nil, false
	}
	return splitOffsets(string(headers[0].Value), ",")
}

func joinOffsets(offsets []int64, between string) string {
	texts := make([]string, len(offsets))
	for i, o := range offsets {
		texts[i] = strconv.FormatInt(o, 10)
	}
	return strings.Join(texts, between)
}

func splitOffsets(text, between string) (offsets []int64, ok bool) {
	for part := range strings.SplitSeq(text, between) {
		n, err := parseNumber(part, 63)
		if err != nil {
			return nil, false
		}
		offsets = append(offsets, int64(n))
	}
	return offsets, true
}

// WithReplayOf returns the headers for a record that a replay makes of a letter:
// the letter's own ones, and which attempt it was. The record is the next attempt
// if it becomes a letter again.
func WithReplayOf(own []belfry.Header, attempt int) []belfry.Header {
	own = slices.DeleteFunc(slices.Clone(own), func(h belfry.Header) bool { return h.Key == headerReplayOf })
	return append(own, belfry.Header{Key: headerReplayOf, Value: []byte(strconv.Itoa(attempt))})
}

// ParseReplayOf returns the attempt that [WithReplayOf] wrote last, 0 if there is
// none.
func ParseReplayOf(headers []belfry.Header) int {
	for _, h := range slices.Backward(headers) {
		if h.Key == headerReplayOf {
			n, err := strconv.ParseInt(string(h.Value), 10, 32)
			if err != nil {
				return 0
			}
			return int(min(max(n, 0), math.MaxInt32-1)) // the next one is one more
		}
	}
	return 0
}

// parseNumber is the inverse of formatting an unsigned number: no signs, spaces
// or leading zeros.
func parseNumber(s string, bits int) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, bits)
	if err == nil && strconv.FormatUint(n, 10) != s {
		err = strconv.ErrSyntax
	}
	return n, err
}
