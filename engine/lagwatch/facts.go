package lagwatch

import (
	"slices"

	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/lag"
)

// lagFacts is what the brokers said in one collection.
type lagFacts struct {
	groups  map[string]*groupFacts
	topics  map[string]*topicFacts // those that exist
	skipped int                    // what of others' could not be read
}

type groupFacts struct {
	ours bool

	coordinator int32
	state       string
	protocol    string
	members     []lag.Member
	committed   map[string][]commit // by topic, in any order
	topics      []string            // to show, each once; they may not exist
}

// places is how many partitions a group is to be shown with, at most.
func (f *lagFacts) places(group string) (n int) {
	for _, name := range f.groups[group].topics {
		if topic := f.topics[name]; topic != nil {
			n += len(topic.partitions)
		}
	}
	return n
}

// commit is where a group stands in one partition, as it said itself.
type commit struct {
	partition int32
	offset    int64
	epoch     uint32 // of the log it belongs to, by its mark; 0: not known
}

type topicFacts struct {
	id         kafka.TopicID
	partitions []partitionFacts
}

type partitionFacts struct {
	leader              int32
	known               bool // what follows; else it has to be left out
	oldest, stable, end int64
}

// standing is where a group stands in one partition.
type standing struct {
	group, topic string
	id           kafka.TopicID
	partition    int32
	partitions   int // of the topic
	leader       int32
	ours         bool

	committed           *int64
	oldest, stable, end int64
	next, lag           int64
}

// each calls visit for each partition that a group is to be shown with. The
// standing is visit's until it returns.
func (f *lagFacts) each(group string, visit func(*standing)) {
	g := f.groups[group]
	var s standing
	for _, name := range g.topics {
		topic := f.topics[name]
		if topic == nil {
			continue
		}
		commits := slices.Repeat([]int64{-1}, len(topic.partitions))
		for _, c := range g.committed[name] {
			// A commit for a topic of old says nothing about this one.
			if int(c.partition) < len(commits) && (c.epoch == 0 || c.epoch == topic.id.Epoch()) {
				commits[c.partition] = c.offset
			}
		}
		for i, p := range topic.partitions {
			if !p.known {
				continue
			}
			s = standing{
				group: group, topic: name, id: topic.id, partition: int32(i), partitions: len(commits), leader: p.leader,
				ours: g.ours, oldest: p.oldest, stable: p.stable, end: p.end,
			}
			if commits[i] >= 0 {
				s.committed = &commits[i]
			}
			s.next, s.lag = lag.Of(s.committed, p.oldest, p.stable, p.end)
			visit(&s)
		}
	}
}
