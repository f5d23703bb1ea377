package inbox

import (
	"cmp"
	"slices"
	"strings"

	"github.com/belfry/belfry"
)

// Topic is what a user has subscribed to: the notices to it are also his.
type Topic struct {
	Name string
	Hash uint64 // AudienceHash
}

// TopicOf returns the topic of that name.
func TopicOf(name string) Topic {
	return Topic{Name: name, Hash: AudienceHash(belfry.TopicAudience(name))}
}

// HasTopic reports whether s has subscribed to the topic of that hash.
func (s *State) HasTopic(hash uint64) bool {
	_, ok := s.topic(hash)
	return ok
}

// TopicNames returns the names of the topics that s has subscribed to, sorted.
func (s *State) TopicNames() []string {
	names := []string{}
	for i := range s.Topics {
		names = append(names, s.Topics[i].Name)
	}
	slices.Sort(names)
	return names
}

// topic returns the place of a hash in Topics, or where it belongs.
func (s *State) topic(hash uint64) (int, bool) {
	return slices.BinarySearchFunc(s.Topics, hash, func(t Topic, hash uint64) int { return cmp.Compare(t.Hash, hash) })
}

// TopicsFull reports whether one more topic cannot be subscribed to.
func (s *State) TopicsFull() bool { return len(s.Topics) >= MaxTopics }

// AudienceOf names whom an item of s is for: "" for the user alone, [belfry.AudienceAll], or a
// topic. Of a topic that is neither subscribed to any more nor named by the content, zero if
// that is not there, the name is unknown and left out.
func (s *State) AudienceOf(e *Entry, content *Item) string {
	switch {
	case e.Shared == nil:
		return ""
	case e.Shared.Audience == Everybody:
		return belfry.AudienceAll
	case content.Audience != "":
		return content.Audience
	}
	if at, ok := s.topic(e.Shared.Audience); ok {
		return belfry.TopicAudience(s.Topics[at].Name)
	}
	return belfry.TopicAudience("")
}

// subscribe adds a topic: its notices come from now on, those of before do not.
func (f *folder) subscribe(r *Record) Outcome {
	t := TopicOf(r.Topic)
	at, has := f.s.topic(t.Hash)
	switch {
	case has || r.Topic == "":
		return Unchanged
	case f.s.TopicsFull():
		return Full
	}
	t.Name = strings.Clone(t.Name) // the record may be a part of a batch
	f.s.Topics = slices.Insert(f.s.Topics, at, t)
	return Applied
}

// unsubscribe takes a topic away. Its notices that are there stay.
func (f *folder) unsubscribe(r *Record) Outcome {
	at, has := f.s.topic(TopicOf(r.Topic).Hash)
	if !has {
		return Unchanged
	}
	f.s.Topics = slices.Delete(f.s.Topics, at, at+1)
	if len(f.s.Topics) == 0 {
		f.s.Topics = nil
	}
	return Applied
}

// welcome removes the notices of before from the row of a user who is new: a colleague
// does not begin with old news.
func (f *folder) welcome(r *Record) Outcome {
	if f.s.Joined {
		return Unchanged
	}
	f.s.Joined = true
	f.remove(func(e *Entry) bool { return e.Shared != nil })
	return Applied
}
