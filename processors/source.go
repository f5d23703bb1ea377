package processors

import (
	"errors"
	"fmt"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
)

// Source is one source of a rules file: topics, and what their records mean.
type Source struct {
	Topic   string                  // exact name; empty if it has a pattern
	Pattern string                  // as written; empty if it has a topic
	Matches func(topic string) bool // of the pattern; safe for concurrent use
	// Start says where a topic begins if the source is activated at now; see
	// [Routers].
	Start func(now time.Time) engine.Start
	Rules Rules
}

// key names the source for life, whatever its rules.
func (s *Source) key() string {
	if s.Topic != "" {
		return "topic " + s.Topic
	}
	return "pattern " + s.Pattern
}

// sourceOf returns the source that a topic belongs to: the one that names it,
// else the first whose pattern matches; nil if there is none.
func sourceOf(all []Source, prefix belfry.Prefix, topic string) *Source {
	if prefix.Owns(topic) {
		return nil
	}
	for i := range all {
		if all[i].Topic == topic {
			return &all[i]
		}
	}
	for i := range all {
		if all[i].Topic == "" && all[i].Matches(topic) {
			return &all[i]
		}
	}
	return nil
}

// noteInterval is how often the note of a source is written again: brokers
// forget it after offsets.retention.minutes, 7 days by default.
const noteInterval = time.Hour

// activations knows which sources are activated. A source is activated once, by
// its topic or pattern. Its topics that exist at that time begin where its Start
// says. All that comes later is new as a whole, also if it came while no process
// ran or was deleted and created again, and begins at its oldest record. So a
// source that is new, or a pattern that was widened, brings no old news, and an
// activated one loses none.
//
// That a source is activated is noted at the brokers (kafka.Topics.SetNote),
// beside the dead letters, a topic of ours that is never created anew. It is
// noted once all its topics that exist have offsets; until then a topic without
// offsets is one that was there. A process that dies in between leaves some topics
// begun, and the others begin at the next attempt. Two processes may do all of it
// at once: the offsets are fenced by the group's generation, where engine reads
// the note anew, and to write the same note twice changes nothing.
type activations struct {
	prefix belfry.Prefix
	noted  map[string]time.Time // by key of the source: when we last wrote its note
}

// start says where one of the source's topics begins.
func (s *Source) start(prefix belfry.Prefix, topics *kafka.Topics) (engine.Start, error) {
	_, activated, err := topics.Note(prefix.SourceGroup(s.key()), prefix.DeadLetters())
	if err != nil || activated {
		return engine.Start{}, err
	}
	return s.Start(time.Now()), nil
}

// note writes the notes that are due. Existing are the topics there are, by the
// key of their source.
func (a *activations) note(topics *kafka.Topics, all []Source, existing map[string]map[string]kafka.TopicInfo) error {
	var errs []error
	for i := range all {
		if err := a.noteOne(topics, &all[i], existing[all[i].key()]); err != nil {
			errs = append(errs, fmt.Errorf("activate source %s: %w", all[i].key(), err))
		}
	}
	return errors.Join(errs...)
}

func (a *activations) noteOne(topics *kafka.Topics, s *Source, existing map[string]kafka.TopicInfo) error {
	if at, ok := a.noted[s.key()]; ok && time.Since(at) < noteInterval {
		return nil
	}
	group := a.prefix.SourceGroup(s.key())
	text, activated, err := topics.Note(group, a.prefix.DeadLetters())
	if err != nil {
		return err
	}
	if !activated {
		for topic := range existing {
			begun, err := engine.Activated(topics, a.prefix.RouterGroup(topic), topic)
			if err != nil || !begun {
				return err
			}
		}
		text = fmt.Sprintf("%s activated %s", time.Now().UTC().Format(time.RFC3339), s.key())
	}
	if err := topics.SetNote(group, a.prefix.DeadLetters(), text); err != nil {
		return err
	}
	a.noted[s.key()] = time.Now()
	return nil
}
