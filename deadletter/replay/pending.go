package replay

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/engine/kafka"
)

const (
	// maxPendingRecords bounds the dead-letter topic that is counted: the count
	// holds two bytes in memory for each of its records.
	maxPendingRecords = 20_000_000
	// maxPendingKinds bounds the pairs of a group and a reason that are told
	// apart: both are texts of a topic that others may write to.
	maxPendingKinds = 1000
)

// Pending counts the letters that no replay has marked, as the topic has them,
// whoever set them aside. It reads the topic once and then what is new. It is
// safe for concurrent use.
type Pending struct {
	letters *Letters
	reading sync.Mutex // held by Refresh

	mu         sync.Mutex
	id         kafka.TopicID
	partitions []pendingPartition
	kinds      []deadletter.PendingKind // what a letter's mark less 1 stands for
	at         time.Time                // when all was last read; zero: never
}

// pendingPartition has a mark for each record from base on: 0 for what is no
// pending letter, else one more than the index of its kind.
type pendingPartition struct {
	base  int64
	marks []uint16
}

// NewPending returns a count of the letters; nothing is read before Refresh.
func NewPending(letters *Letters) *Pending { return &Pending{letters: letters} }

// Counts returns what was counted so far.
func (p *Pending) Counts() deadletter.Pending {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := deadletter.Pending{CountedAt: p.at}
	for _, k := range p.kinds {
		if k.Count > 0 {
			out.Kinds = append(out.Kinds, k)
			out.Count += k.Count
		}
	}
	slices.SortFunc(out.Kinds, func(a, b deadletter.PendingKind) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Reason, b.Reason))
	})
	return out
}

// Refresh reads what has come since the last time, for as long as that takes.
// After an error the count is that of before, or of a part.
func (p *Pending) Refresh(ctx context.Context) error {
	p.reading.Lock()
	defer p.reading.Unlock()
	info, logs, err := kafka.LogRanges(ctx, p.letters.cfg, p.letters.topic)
	if err != nil {
		return err
	}
	records := int64(0)
	for _, log := range logs {
		records += log.End - log.Start
	}
	if records > maxPendingRecords {
		return fmt.Errorf("%s holds %d records: more than %d are not counted", p.letters.topic, records, int64(maxPendingRecords))
	}
	p.mu.Lock()
	if p.id != info.ID || len(p.partitions) != len(logs) {
		p.id, p.partitions, p.kinds, p.at = info.ID, make([]pendingPartition, len(logs)), nil, time.Time{}
	}
	p.mu.Unlock()
	for i, log := range logs {
		if err := p.read(ctx, int32(i), log); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = time.Now()
	return nil
}

func (p *Pending) read(ctx context.Context, partition int32, log kafka.LogRange) error {
	part := &p.partitions[partition]
	p.mu.Lock()
	p.forget(part, log)
	next := part.base + int64(len(part.marks))
	p.mu.Unlock()
	if next >= log.Stable {
		return nil
	}
	err := p.letters.scan(ctx, partition, next, log.Stable, func(m *sarama.ConsumerMessage, offsets []int64) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.reach(part, m.Offset)
		if offsets == nil {
			letter := readLetter(m)
			part.marks = append(part.marks, p.kind(letter.Group, letter.Reason))
			return nil
		}
		part.marks = append(part.marks, 0)
		for _, o := range offsets {
			if i := o - part.base; i >= 0 && i < int64(len(part.marks)) {
				p.drop(part.marks[i : i+1])
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reach(part, log.Stable)
	return nil
}

// forget drops what retention has removed, and all of a log that was cut.
func (p *Pending) forget(part *pendingPartition, log kafka.LogRange) {
	n := int64(len(part.marks))
	gone := min(max(log.Start-part.base, 0), n)
	if part.base+n > log.Stable {
		gone = n
	}
	p.drop(part.marks[:gone])
	part.marks = slices.Delete(part.marks, 0, int(gone))
	part.base += gone
	if len(part.marks) == 0 {
		part.base = log.Start
	}
}

// drop takes letters out of the count.
func (p *Pending) drop(marks []uint16) {
	for i, mark := range marks {
		if mark > 0 {
			p.kinds[mark-1].Count--
			marks[i] = 0
		}
	}
}

// reach fills the offsets before next that no record has.
func (p *Pending) reach(part *pendingPartition, next int64) {
	if gap := next - part.base - int64(len(part.marks)); gap > 0 {
		part.marks = append(part.marks, make([]uint16, gap)...)
	}
}

// kind counts a letter and returns its mark.
func (p *Pending) kind(group string, reason deadletter.Reason) uint16 {
	if len(p.kinds) >= maxPendingKinds {
		group, reason = "", deadletter.ReasonForeign
	}
	i := slices.IndexFunc(p.kinds, func(k deadletter.PendingKind) bool { return k.Group == group && k.Reason == reason })
	if i < 0 {
		i = len(p.kinds)
		p.kinds = append(p.kinds, deadletter.PendingKind{Group: group, Reason: reason})
	}
	p.kinds[i].Count++
	return uint16(i + 1)
}
