package attack

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry/internal/bomb"
)

// hostileRules are rules as people write them, which hostile records make much of.
const hostileRules = `sources:
  - topic: members
    rules: [{name: members, recipients: "event.members.filter(m, !(m in event.muted))", title: x}]
  - topic: joined
    rules: [{name: joined, recipients: event.to, title: "${event.l.join(event.sep)}"}]
  - topic: large
    rules: [{name: large, when: has(event.to), recipients: event.to, title: x}]
  - topic: wide
    rules: [{name: wide, recipients: event.texts, title: x}]
  - topic: announced
    rules:
      - {name: notice, when: has(event.about), audience: "topic:${event.about}", title: x}
      - {name: own, when: has(event.to), recipients: event.to, title: x}
`

// largePartitions is how many partitions the topic of large batches has.
const largePartitions = 12

// behindPatience is how long the record behind is waited for.
const behindPatience = 20 * time.Second

func recordAttacks() []attack {
	return []attack{
		{name: "members", what: "a list of 30,000 within another", record: true, run: func(ctx context.Context, t *target) (string, error) {
			list := func(format string) string {
				var b strings.Builder
				for i := range 30_000 {
					fmt.Fprintf(&b, format, i)
				}
				return strings.TrimSuffix(b.String(), ",")
			}
			hostile := `{"members":[` + list(`"m%d",`) + `],"muted":[` + list(`"x%d",`) + `]}`
			return t.produce(ctx, "members", `{"members":["behind-members"],"muted":[]}`, "behind-members", kgo.Record{Value: []byte(hostile)})
		}},
		{name: "join", what: "a text of 70,000 between 20,000", record: true, run: func(ctx context.Context, t *target) (string, error) {
			hostile := `{"to":"a","l":[` + strings.TrimSuffix(strings.Repeat(`"a",`, 20_000), ",") + `],"sep":"` + strings.Repeat("s", 70_000) + `"}`
			return t.produce(ctx, "joined", `{"to":"behind-join","l":["a"],"sep":","}`, "behind-join", kgo.Record{Value: []byte(hostile)})
		}},
		{name: "bomb", what: "976 KB of Protobuf in empty messages", record: true, run: func(ctx context.Context, t *target) (string, error) {
			hostile := framed(1, "\x00"+strings.Repeat("\x0a\x00", 480_000))
			return t.produce(ctx, "wide", string(framed(1, "\x00\x12\x0bbehind-bomb")), "behind-bomb", kgo.Record{Value: hostile})
		}},
		{name: "inflate", what: "12 batches of under 36 KB that become 100 MB each", record: true, prepare: func() ([]byte, error) {
			return bomb.Batch(kgo.ZstdCompression(), 100, 1<<20)
		}, run: func(ctx context.Context, t *target) (string, error) {
			for range 12 {
				if err := bomb.Write(ctx, []string{t.brokers}, "wide", 0, t.hostile); err != nil {
					return "", err
				}
			}
			note, err := t.produce(ctx, "wide", string(framed(1, "\x00\x12\x0ebehind-inflate")), "behind-inflate")
			return fmt.Sprintf("%s, batches of %d KB", note, len(t.hostile)>>10), err
		}},
		{name: "partitions", what: "3 batches of 22 KB that become 55 MB, in each of 12 partitions", record: true, prepare: padded(kgo.ZstdCompression(), 1000, 0), run: largeBatches("partitions")},
		{name: "batches", what: "3 batches of 2 KB that become 4 MB, in each of 12 partitions", record: true, prepare: padded(kgo.ZstdCompression(), 75, 0), run: largeBatches("batches")},
		{name: "lz4", what: "3 batches of 220 KB that become 55 MB, in each of 12 partitions", record: true, prepare: padded(kgo.Lz4Compression(), 1000, 0), run: largeBatches("lz4")},
		{name: "large", what: "3 batches of 250 KB that become 15 MB, in each of 12 partitions", record: true, prepare: padded(kgo.Lz4Compression(), 280, 700), run: largeBatches("large")},
		{name: "recipients", what: "10 records with 90,000 recipients each", record: true, run: func(ctx context.Context, t *target) (string, error) {
			var to strings.Builder
			for i := range 90_000 {
				fmt.Fprintf(&to, `"r%d",`, i)
			}
			var hostile []kgo.Record
			for range 10 {
				hostile = append(hostile, kgo.Record{Value: []byte(`{"to":[` + strings.TrimSuffix(to.String(), ",") + `]}`)})
			}
			return t.produceBeside(ctx, "large", `{"to":"behind-recipients"}`, "behind-recipients", hostile...)
		}},
		{name: "notices", what: "2,000 notices to many, one between any two records for others", record: true, run: func(ctx context.Context, t *target) (string, error) {
			var hostile []kgo.Record
			for i := range 2000 {
				hostile = append(hostile, kgo.Record{Value: fmt.Appendf(nil, `{"about":"t%d"}`, i)}, kgo.Record{Value: fmt.Appendf(nil, `{"to":"u%d"}`, i%honestUsers)})
			}
			return t.produceBeside(ctx, "announced", `{"to":"behind-notices"}`, "behind-notices", hostile...)
		}},
		{name: "guid", what: "a schema's GUID that the registry does not know", record: true, run: func(ctx context.Context, t *target) (string, error) {
			header := kgo.RecordHeader{Key: "__value_schema_id", Value: append([]byte{1}, random()[:16]...)}
			return t.produce(ctx, "wide", string(framed(1, "\x00\x12\x0bbehind-guid")), "behind-guid", kgo.Record{Value: []byte("\x02a"), Headers: []kgo.RecordHeader{header}})
		}},
		{name: "unknown", what: "500 schema ids that the registry does not know", record: true, run: func(ctx context.Context, t *target) (string, error) {
			// As in an installation that runs, the schema of the good ones is known.
			if note, err := t.produce(ctx, "wide", string(framed(1, "\x00\x12\x04warm")), "warm"); err != nil {
				return note, err
			}
			t.behindTook = 0
			var hostile []kgo.Record
			for i := range 500 {
				hostile = append(hostile, kgo.Record{Value: framed(uint32(1000+i), "\x02a")})
			}
			return t.produce(ctx, "wide", string(framed(1, "\x00\x12\x0ebehind-unknown")), "behind-unknown", hostile...)
		}},
	}
}

// produceBeside is produce, and tells how long events of others took meanwhile.
func (t *target) produceBeside(ctx context.Context, topic, behind, user string, hostile ...kgo.Record) (string, error) {
	var others delays
	var beside sync.WaitGroup
	over, end := context.WithCancel(ctx)
	beside.Go(func() { others = t.eventsOfOthers(over) })
	note, err := t.produce(ctx, topic, behind, user, hostile...)
	end()
	beside.Wait()
	return fmt.Sprintf("%s; %d events of others, in their inboxes within %s", note, len(others), others.worst().Round(time.Millisecond)), err
}

// eventsOfOthers has a service send one event after another until ctx ends, and returns how
// long each took to the inbox of its user.
func (t *target) eventsOfOthers(ctx context.Context) (took delays) {
	whole := context.WithoutCancel(ctx)
	for n := 0; ctx.Err() == nil; n++ {
		user := fmt.Sprint("other-", n)
		began := time.Now()
		status, err := t.post(whole, map[string]any{"recipient": user, "title": "x"})
		if err != nil || status != http.StatusAccepted || t.answering().Await(whole, 5*time.Millisecond, func() bool { return t.unread(whole, user) > 0 }) != nil {
			return append(took, behindPatience)
		}
		took = append(took, time.Since(began))
	}
	return took
}

// framed is a value behind a schema's id, as Confluent's serializers write it.
func framed(id uint32, body string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, id), body...)
}

func (t *target) createTopics(ctx context.Context) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(t.brokers))
	if err != nil {
		return fmt.Errorf("open a client: %w", err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	if _, err := admin.CreateTopics(ctx, 2, 1, nil, "members", "joined", "wide", "announced"); err != nil {
		return fmt.Errorf("create topics: %w", err)
	}
	if _, err := admin.CreateTopics(ctx, largePartitions, 1, nil, "large"); err != nil {
		return fmt.Errorf("create topics: %w", err)
	}
	return nil
}

// padded makes a batch of so many records of 55 KB, of which so many bytes do not compress.
func padded(codec kgo.CompressionCodec, records, own int) func() ([]byte, error) {
	return func() ([]byte, error) {
		pad := strings.Repeat("a", 55_000-own) + `"}`
		return bomb.Filled(codec, records, func() []byte {
			var text strings.Builder
			for text.Len() < own {
				text.WriteString(rand.Text())
			}
			return []byte(`{"pad":"` + text.String() + pad)
		})
	}
}

// largeBatches writes the hostile batch to each partition three times, and then one record
// that is waited for.
func largeBatches(name string) func(context.Context, *target) (string, error) {
	return func(ctx context.Context, t *target) (string, error) {
		for i := range 3 * largePartitions {
			if err := bomb.Write(ctx, []string{t.brokers}, "large", int32(i%largePartitions), t.hostile); err != nil {
				return "", err
			}
		}
		note, err := t.produce(ctx, "large", `{"to":"behind-`+name+`"}`, "behind-"+name)
		return fmt.Sprintf("%s, batches of %d KB", note, len(t.hostile)>>10), err
	}
}

// produce writes the hostile records and one behind them to partition 0, and waits
// until its recipient has that.
func (t *target) produce(ctx context.Context, topic, behind, user string, hostile ...kgo.Record) (string, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(t.brokers), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchMaxBytes(1<<20))
	if err != nil {
		return "", fmt.Errorf("open a producer: %w", err)
	}
	defer client.Close()
	var all []*kgo.Record
	size := 0
	for i := range hostile {
		hostile[i].Topic = topic
		size += len(hostile[i].Value)
		all = append(all, &hostile[i])
	}
	ctx = context.WithoutCancel(ctx)
	began := time.Now()
	if err := client.ProduceSync(ctx, append(all, &kgo.Record{Topic: topic, Value: []byte(behind)})...).FirstErr(); err != nil {
		return "", fmt.Errorf("write to %s: %w", topic, err)
	}
	t.awaitBehind(ctx, user, began)
	return fmt.Sprintf("%d records, %d KB", len(hostile), size>>10), nil
}

// awaitBehind looks for the record behind until its recipient has it.
func (t *target) awaitBehind(ctx context.Context, user string, began time.Time) {
	ctx, cancel := context.WithDeadline(ctx, began.Add(behindPatience))
	defer cancel()
	if t.answering().Await(ctx, 20*time.Millisecond, func() bool { return t.unread(ctx, user) > 0 }) == nil {
		t.behindTook = time.Since(began)
	}
}
