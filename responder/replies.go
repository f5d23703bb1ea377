package responder

import (
	"regexp"
	"slices"

	"github.com/belfry/belfry"
)

// topicName is what a topic may be called; see Kafka's
// org.apache.kafka.common.internals.Topic.
var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

// Replies are the topics that answers may go to: whoever writes a request names one, and
// is not believed further than that. They are not modified and safe for concurrent use.
type Replies struct {
	names    []string
	patterns []*regexp.Regexp
}

// ParseReplies reads names of topics, and patterns (RE2) of whole names: what could be a
// name stands for itself. The error is a [*belfry.FieldError] without a field.
func ParseReplies(texts []string) (*Replies, error) {
	r := &Replies{}
	for _, text := range texts {
		if IsTopic(text) {
			r.names = append(r.names, text)
			continue
		}
		pattern, err := regexp.Compile(`^(?:` + text + `)$`)
		if text == "" || err != nil {
			return nil, belfry.Invalid("", `%.80q is neither the name of a topic nor a pattern (RE2) of names, such as "chat[.].*"`, text)
		}
		r.patterns = append(r.patterns, pattern)
	}
	return r, nil
}

// IsTopic reports whether a topic may have that name.
func IsTopic(name string) bool { return topicName.MatchString(name) && name != "." && name != ".." }

// Names are the topics that are named, not matched, in their order.
func (r *Replies) Names() []string { return r.names }

// Allow reports whether answers may go to that topic.
func (r *Replies) Allow(topic string) bool {
	return slices.Contains(r.names, topic) || slices.ContainsFunc(r.patterns, func(p *regexp.Regexp) bool { return p.MatchString(topic) })
}
