package lagwatch

import (
	"context"
	"math/rand/v2"
	"sync"

	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/lag"
)

// A collection looks at so many records. Each costs a request and brings a batch. Those
// of our own groups are looked at wherever they are behind, those of others' one after
// the other, in later collections too, once they stand still.
const (
	maxOwnLooks    = 512
	maxOtherLooks  = 32
	looksAtOnce    = 4
	looksForRecord = 16 // batches without a record that are passed over at once
)

// place is what is remembered of one group in one incarnation of a topic.
type place struct {
	id      kafka.TopicID
	records []nextRecord // by partition
}

// nextRecord is what is known of the record that a group processes next.
type nextRecord struct {
	wait       lag.Wait
	next       int64  // what the rest was found out for
	written    int64  // its timestamp, in milliseconds since 1970; 0: not known
	emptyUntil int64  // there is no record from next up to here
	seen       uint32 // collections in which next was that
}

// record returns what is known in that place, to be changed there.
func (l *Collector) record(s *standing) *nextRecord {
	topics := l.places[s.group]
	if topics == nil {
		topics = map[string]*place{}
		l.places[s.group] = topics
	}
	p := topics[s.topic]
	if p == nil || p.id != s.id {
		p = &place{id: s.id}
		topics[s.topic] = p
	}
	if n := int(s.partition) + 1; n > len(p.records) {
		p.records = append(p.records, make([]nextRecord, max(n, s.partitions)-len(p.records))...)
	}
	return &p.records[s.partition]
}

// look is a record that is to be looked at.
type look struct {
	standing
	record *nextRecord
}

// lookUp finds out when the records that groups process next were written, and
// where none is left: behind the last one there may lie offsets that are no
// records, of transactions' markers and of what compaction has removed.
func (l *Collector) lookUp(ctx context.Context, client *lagClient, found *lagFacts) {
	own, others := sample{most: maxOwnLooks}, sample{most: maxOtherLooks}
	for name := range found.groups {
		found.each(name, func(s *standing) {
			r := l.record(s)
			if r.next != s.next || s.lag == 0 {
				*r = nextRecord{wait: r.wait, next: s.next}
			}
			r.seen++
			switch {
			case s.lag == 0 || r.written != 0 || r.emptyUntil >= s.stable:
			case s.ours:
				own.add(look{*s, r})
			case r.seen > 1:
				others.add(look{*s, r})
			}
		})
	}
	queue := make(chan look)
	var all sync.WaitGroup
	looks := append(own.kept, others.kept...)
	for range min(looksAtOnce, len(looks)) {
		all.Go(func() {
			for one := range queue {
				client.look(ctx, &one)
			}
		})
	}
	for _, one := range looks {
		queue <- one
	}
	close(queue)
	all.Wait()
}

// sample keeps some of all that is added, each with the same chance: what is
// left out has its turn later.
type sample struct {
	most, added int
	kept        []look
}

func (s *sample) add(one look) {
	s.added++
	if len(s.kept) < s.most {
		s.kept = append(s.kept, one)
	} else if i := rand.IntN(s.added); i < s.most {
		s.kept[i] = one
	}
}

// look finds out more of a record. A failure leaves it as it is: the clocks tell
// of it then.
func (c *lagClient) look(ctx context.Context, l *look) {
	at := max(l.next, l.record.emptyUntil)
	for range looksForRecord {
		if ctx.Err() != nil {
			return
		}
		found, err := kafka.BatchAt(ctx, c.client, l.leader, l.topic, l.id, l.partition, at)
		switch {
		case err != nil:
			return
		case len(found.Records) > 0:
			// Producers may send none, and then it is -1.
			l.record.written = max(found.Records[0].Timestamp.UnixMilli(), 0)
			return
		case found.Next <= at: // the end
			l.record.emptyUntil = max(at, found.End)
			return
		}
		at = found.Next
		l.record.emptyUntil = at
		if at >= found.End {
			return
		}
	}
}
