package engine

import (
	"log/slog"
	"maps"
	"slices"

	"github.com/belfry/belfry/engine/kafka"
)

// Skips is what a processor of this process found of records in one partition that it
// never processes, since the group's position is beyond them.
type Skips struct {
	kafka.TopicPartition
	// Deleted is how many records the log had lost, by its retention or by hand, before
	// they were processed.
	Deleted int64
	// ForeignCommits is how often a session began at an offset that another program had
	// committed, such as kafka-consumer-groups --reset-offsets. Brokers keep no offset
	// beside it, so that nobody knows how many records it skipped or repeats.
	ForeignCommits int64

	committed int64 // by another program, as counted last; -1 for none
	begin     int64 // of the log, up to which deleted records are counted
}

// skips are those of all partitions that the processor has had.
type skips map[kafka.TopicPartition]*Skips

// note counts what a session that begins at p finds, once however many sessions
// begin there, and reports whether another program's commit is new.
func (s skips) note(claim kafka.TopicPartition, p *kafka.StartPosition) (foreign bool) {
	deleted := p.Committed >= 0 && p.Committed < p.Log.Start
	if p.Foreign() || deleted {
		at := s[claim]
		if at == nil {
			at = &Skips{TopicPartition: claim, committed: -1}
			s[claim] = at
		}
		if deleted {
			at.Deleted += max(0, p.Log.Start-max(p.Committed, at.begin))
			at.begin = max(at.begin, p.Log.Start)
		}
		if foreign = p.Foreign() && at.committed != p.Committed; foreign {
			at.ForeignCommits++
			at.committed = p.Committed
		}
	}
	return foreign
}

// all are the skips in the order of topics and partitions.
func (s skips) all() []Skips {
	out := make([]Skips, 0, len(s))
	for _, at := range s {
		out = append(out, *at)
	}
	slices.SortFunc(out, func(a, b Skips) int { return a.Compare(b.TopicPartition) })
	return out
}

// tellForeign logs the partitions of a session that begin where another program has
// committed: one line, since an operator's tool sets them all at once.
func tellForeign(log *slog.Logger, group string, at map[kafka.TopicPartition]int64) {
	if len(at) == 0 {
		return
	}
	first := slices.MinFunc(slices.Collect(maps.Keys(at)), kafka.TopicPartition.Compare)
	log.Warn("position was committed by another program: records before it that were not processed are skipped, those behind it that were are read again; if that is not meant, set the position back while no processor runs",
		"group", group, "topic", first.Topic, "partition", first.Partition, "offset", at[first], "more_partitions", len(at)-1)
}
