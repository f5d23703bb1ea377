package rules

import (
	"fmt"
	"regexp"

	"github.com/belfry/belfry"
)

// topicName is what a topic may be called; see Kafka's
// org.apache.kafka.common.internals.Topic.
var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

// checkTopic says what is wrong with the name of a topic to read, "" if nothing
// is.
func checkTopic(name string, prefix belfry.Prefix) string {
	switch {
	case !topicName.MatchString(name) || name == "." || name == "..":
		return fmt.Sprintf("%.80q is not a valid name of a topic: a name has 1 to 249 letters, digits, '.', '_' or '-'; for several topics write pattern: instead", name)
	case prefix.Owns(name):
		return fmt.Sprintf("%.80q is a topic of Belfry's or Kafka's own, which no rule may read; name the topic of a service", name)
	}
	return ""
}

// compilePattern returns the expression for whole names, or what is wrong with
// the pattern. One that matches no topic is right: its topic may still come.
func compilePattern(pattern string) (*regexp.Regexp, string) {
	if pattern == "" {
		return nil, "is empty; any text is \".*\""
	}
	if _, err := regexp.Compile(pattern); err != nil {
		return nil, fmt.Sprintf("is not a valid regular expression (RE2): %v; note that any text is \".*\", not \"*\"", err)
	}
	re, err := regexp.Compile(`^(?:` + pattern + `)$`)
	if err != nil {
		return nil, fmt.Sprintf("is not a valid regular expression (RE2) of a name: %v", err)
	}
	return re, ""
}
