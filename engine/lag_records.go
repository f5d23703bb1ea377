package engine

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// How many records a collection looks at. Each costs a request and brings a
// batch: those of our own groups are looked at wherever they are behind, those
// of others' one after the other, in later collections too, once they stand
// still.
const (
	maxOwnLooks    = 512
	maxOtherLooks  = 32
	looksAtOnce    = 4
	looksForRecord = 16 // batches without a record that are passed over at once
)

// recordKey is one group's place in one incarnation of a partition.
type recordKey struct {
	group, topic string
	id           TopicID
	partition    int32
}

// nextRecord is what is known of the record that a group processes next there.
type nextRecord struct {
	next       int64     // what the rest was found out for
	written    time.Time // its timestamp; zero: not known
	emptyUntil int64     // there is no record from next up to here
	seen       int       // collections in which next was that
}

// lookUp finds out when the records that groups process next were written, and
// where none is left: behind the last one there may lie offsets that are no
// records, of transactions' markers and of what compaction has removed.
func (l *Lag) lookUp(ctx context.Context, client *lagClient, found *lagFacts) {
	records := make(map[recordKey]nextRecord, len(l.records))
	var own, others []standing
	for name := range found.groups {
		found.each(name, func(s standing) {
			if s.lag == 0 {
				return
			}
			r, ok := l.records[s.key()]
			if !ok || r.next != s.next {
				r = nextRecord{next: s.next}
			}
			r.seen++
			records[s.key()] = r
			switch {
			case !r.written.IsZero() || r.emptyUntil >= s.end:
			case s.ours:
				own = append(own, s)
			case r.seen > 1:
				others = append(others, s)
			}
		})
	}
	l.records = records
	looks := append(sample(own, maxOwnLooks), sample(others, maxOtherLooks)...)
	var (
		mu  sync.Mutex
		all sync.WaitGroup
	)
	queue := make(chan standing)
	for range min(looksAtOnce, len(looks)) {
		all.Go(func() {
			for s := range queue {
				mu.Lock()
				r := records[s.key()]
				mu.Unlock()
				r = client.look(ctx, s, r)
				mu.Lock()
				records[s.key()] = r
				mu.Unlock()
			}
		})
	}
	for _, s := range looks {
		queue <- s
	}
	close(queue)
	all.Wait()
}

// sample returns n of all, at random: what is left out has its turn later.
func sample(all []standing, n int) []standing {
	if len(all) <= n {
		return all
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:n]
}

// look finds out more of r. A failure leaves it as it is: the clocks tell of
// the record then.
func (c *lagClient) look(ctx context.Context, s standing, r nextRecord) nextRecord {
	at := max(r.next, r.emptyUntil)
	for range looksForRecord {
		if ctx.Err() != nil {
			return r
		}
		look, ok := lookAt(ctx, c.client, s.leader, s.topic, s.id, s.partition, at)
		switch {
		case !ok:
			return r
		case len(look.records) > 0:
			// Producers may send none, and then it is -1.
			if t := look.records[0].Timestamp; t.UnixMilli() > 0 {
				r.written = t
			}
			return r
		case look.next <= at: // the end
			r.emptyUntil = max(at, look.end)
			return r
		}
		at = look.next
		r.emptyUntil = at
		if at >= look.end {
			return r
		}
	}
	return r
}

// lookedAt is what lies at an offset.
type lookedAt struct {
	records []*kgo.Record // of the first batch, from that offset on
	next    int64         // the first offset after the batch, or after nothing
	end     int64         // the high watermark
}

// lookAt fetches the first batch at or after an offset, without waiting for
// one. It is not ok if the broker has an error to tell.
func lookAt(ctx context.Context, client *kgo.Client, leader int32, topic string, id TopicID, partition int32, offset int64) (lookedAt, bool) {
	r := kmsg.NewPtrFetchRequest()
	r.MaxBytes = feedPart
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID = topic, id
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset = partition, offset
	p.PartitionMaxBytes = 1 // the first batch comes whole, however large
	t.Partitions = append(t.Partitions, p)
	r.Topics = append(r.Topics, t)
	answer, err := client.Broker(int(leader)).Request(ctx, r)
	if err != nil {
		return lookedAt{}, false
	}
	resp, isFetch := answer.(*kmsg.FetchResponse)
	if !isFetch || resp.ErrorCode != 0 || len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return lookedAt{}, false
	}
	got := &resp.Topics[0].Partitions[0]
	if kerr.ErrorForCode(got.ErrorCode) != nil || got.Partition != partition {
		return lookedAt{}, false
	}
	if len(got.RecordBatches) == 0 {
		return lookedAt{next: offset, end: got.HighWatermark}, true
	}
	fetched, after := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Topic: topic, Partition: partition, Offset: offset},
		got, kgo.DefaultDecompressor(), nil)
	// A batch that compaction has emptied is kept for its producer's sake.
	return lookedAt{fetched.Records, after, got.HighWatermark}, fetched.Err == nil && after > offset
}

// leaders are the brokers to ask about topics, each with its partitions.
func leaders(topics map[string]*topicFacts) map[int32]map[string][]int32 {
	out := map[int32]map[string][]int32{}
	for _, name := range slices.Sorted(maps.Keys(topics)) {
		for i, p := range topics[name].partitions {
			if p.leader < 0 {
				continue
			}
			if out[p.leader] == nil {
				out[p.leader] = map[string][]int32{}
			}
			out[p.leader][name] = append(out[p.leader][name], int32(i))
		}
	}
	return out
}
