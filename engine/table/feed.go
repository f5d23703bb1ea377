package table

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/belfry/belfry/engine/kafka"
)

// A feed gives a broker up that answers nothing (it hangs, or the network swallows
// everything) after feedWait + feedPatience. Requests that were lost in an outage are
// so made again within two seconds of its end: TCP by itself, after an outage of
// minutes, would take as long again.
// The size of a fetch is bounded so that a slow line can carry it in that
// time: 16 Mbit/s do.
const (
	feedWait     = 250 * time.Millisecond // for records, by the broker
	feedPatience = 2 * time.Second        // for an answer, besides that
	feedDial     = 2 * time.Second
	feedRetry    = 200 * time.Millisecond
	feedBytes    = 4 << 20
	feedPart     = 1 << 20 // of one partition; a larger batch comes alone
)

// feed reads one topic by offsets of its own choosing, without a group.
type feed struct {
	cfg    *kafka.Config
	client *kgo.Client
	topic  string
	id     kafka.TopicID

	mu    sync.Mutex
	heard map[int32]time.Time // by broker: when it last answered a fetch
	asked map[int32]time.Time // by broker: when the fetch was sent that it answered last

	// Of who polls: asked as it was after the last poll and after the one before.
	last, before map[int32]time.Time
}

// openFeed connects to no broker yet.
func openFeed(c *kafka.Config, topic, clientID string, more ...kgo.Opt) (*feed, error) {
	f := &feed{cfg: c, topic: topic, heard: map[int32]time.Time{}, asked: map[int32]time.Time{}}
	options := []kgo.Opt{
		kgo.WithHooks(f),
		kgo.DisableClientMetrics(),
		kgo.AlwaysRetryEOF(), // a broker that stops looks like one with other TLS settings
		kgo.DialTimeout(feedDial),
		kgo.RequestTimeoutOverhead(feedPatience),
		kgo.RetryBackoffFn(func(int) time.Duration { return feedRetry/2 + rand.N(feedRetry/2) }),
		// A moved partition is found again as soon as this, and an idle one as soon as the next.
		kgo.MetadataMinAge(feedRetry),
		kgo.MetadataMaxAge(10 * time.Second),
		kgo.FetchMaxWait(feedWait),
		kgo.FetchMinBytes(1),
		kgo.FetchMaxBytes(feedBytes),
		kgo.FetchMaxPartitionBytes(feedPart),
		// Few partitions: a session saves little, and costs a round trip after
		// each connection that died.
		kgo.DisableFetchSessions(),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		// They count for the position.
		kgo.KeepControlRecords(),
	}
	var err error
	f.client, err = c.NewClient(clientID, append(options, more...)...)
	return f, err
}

func (f *feed) close() { f.client.Close() }

// OnBrokerE2E implements kgo.HookBrokerE2E.
func (f *feed) OnBrokerE2E(broker kgo.BrokerMetadata, key int16, e kgo.BrokerE2E) {
	if key != int16(kmsg.Fetch) || e.WriteErr != nil || e.ReadErr != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	f.heard[broker.NodeID], f.asked[broker.NodeID] = now, now.Add(-e.DurationE2E())
}

// quiet is how long the leader of some partition has not answered a fetch at
// the most, counted from since at the earliest.
func (f *feed) quiet(since time.Time, partitions int) time.Duration {
	now, oldest := time.Now(), time.Now()
	for p := range int32(partitions) {
		heard := since
		if leader, _, err := f.client.PartitionLeader(f.topic, p); err == nil && leader >= 0 {
			f.mu.Lock()
			if at := f.heard[leader]; at.After(heard) {
				heard = at
			}
			f.mu.Unlock()
		}
		if heard.Before(oldest) {
			oldest = heard
		}
	}
	return now.Sub(oldest)
}

// lastHeard is when any broker has last answered a fetch.
func (f *feed) lastHeard() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	var last time.Time
	for _, at := range f.heard {
		if at.After(last) {
			last = at
		}
	}
	return last
}

// info looks the topic up.
func (f *feed) info(ctx context.Context) (kafka.TopicInfo, error) {
	info, err := kafka.Info(ctx, f.client, f.topic)
	return info, f.cfg.Advised(err)
}

// start begins to fetch the partitions from those offsets.
func (f *feed) start(next map[int32]int64) {
	at := make(map[int32]kgo.Offset, len(next))
	for p, offset := range next {
		at[p] = kgo.NewOffset().At(offset)
	}
	f.client.AddConsumePartitions(map[string]map[int32]kgo.Offset{f.topic: at})
}

// poll waits for records, for d at the most; it returns none then.
func (f *feed) poll(ctx context.Context, d time.Duration) kgo.Fetches {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	fetches := f.client.PollFetches(ctx)
	f.mu.Lock()
	f.before, f.last = f.last, maps.Clone(f.asked)
	f.mu.Unlock()
	if err := fetches.Err0(); err != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return fetches
}

// askedBefore returns a time after which the last poll's answer about a partition was
// asked for, zero if none is known. A poll leaves no answer behind, so what the next one
// returns was not answered before; it may have lain in the connection since, while this
// process stood still.
func (f *feed) askedBefore(partition int32) time.Time {
	leader, _, err := f.client.PartitionLeader(f.topic, partition)
	if err != nil {
		return time.Time{}
	}
	return f.before[leader]
}

// ask finds out which of the positions, by partition, have nothing but an end
// after them: the client says nothing of a fetch that brings no record, so that
// it doesn't tell a tail that was compacted away from a broker that is slow.
// It notes in p what it finds. Each partition is asked for by itself: an answer
// that is full has nothing of later ones.
func (f *feed) ask(ctx context.Context, positions map[int32]int64, p *progress) {
	if len(positions) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, feedPatience)
	defer cancel()
	var all sync.WaitGroup
	for _, partition := range slices.Sorted(maps.Keys(positions)) {
		all.Go(func() {
			asked := time.Now()
			if next, end, ok := f.look(ctx, partition, positions[partition]); ok {
				p.reach(partition, next, end, asked)
			}
		})
	}
	all.Wait()
}

// look fetches once at an offset. It returns the first offset from there on that
// may be a record's, and where the partition ends. It is not ok if the broker
// has something to return, or an error: both come by the usual way.
func (f *feed) look(ctx context.Context, partition int32, offset int64) (next, end int64, ok bool) {
	leader, _, err := f.client.PartitionLeader(f.topic, partition)
	if err != nil || leader < 0 {
		return 0, 0, false
	}
	found, err := kafka.BatchAt(ctx, f.client, leader, f.topic, f.id, partition, offset)
	if found.Next <= offset {
		return max(offset, found.End), found.End, err == nil
	}
	return found.Next, found.End, err == nil && len(found.Records) == 0
}
