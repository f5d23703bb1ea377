package table_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry/engine/inflate"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/internal/bomb"
	"github.com/belfry/belfry/internal/enginetest"
)

// fill writes n records in turn to the partitions of a topic, a second apart.
func fill(t *testing.T, cfg kafka.Config, topic string, partitions int32, n int) {
	t.Helper()
	config := sarama.NewConfig()
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	p, err := sarama.NewSyncProducer(cfg.Brokers, config)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	begin := time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC)
	for i := range n {
		m := enginetest.Text(topic, "k", fmt.Sprint(i))
		m.Partition, m.Timestamp = int32(i)%partitions, begin.Add(time.Duration(i)*time.Second)
		if _, _, err := p.SendMessage(m); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLatest(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 3, "orders", "empty")
	fill(t, cfg, "orders", 3, 20)
	for _, tt := range []struct {
		topic string
		n     int
		want  string
	}{
		{"orders", 5, "15 16 17 18 19"},
		{"orders", 1, "19"},
		{"orders", 100, "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19"},
		{"empty", 5, ""},
	} {
		t.Run(fmt.Sprint(tt.topic, tt.n), func(t *testing.T) {
			records, info, err := table.Latest(t.Context(), cfg, tt.topic, tt.n)
			if err != nil || info.Partitions != 3 || info.ID == (kafka.TopicID{}) {
				t.Fatalf("got %+v, %v", info, err)
			}
			var values []string
			for _, r := range records {
				values = append(values, string(r.Value))
			}
			if got := strings.Join(values, " "); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
	if _, _, err := table.Latest(t.Context(), cfg, "nowhere", 1); !errors.Is(err, kafka.ErrTopic) {
		t.Errorf("got %v, want one about the topic", err)
	}
}

// The values from 10 on are two bytes, and each key is one.
func TestLatestWithin(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 3, "orders")
	fill(t, cfg, "orders", 3, 20)
	for _, tt := range []struct {
		name string
		in   table.Bounds
		want string
	}{
		{"bytes of two", table.Bounds{Records: 10, Bytes: 8}, "18 19"},
		{"bytes of three", table.Bounds{Records: 10, Bytes: 9}, "17 18 19"},
		{"the newest in any case", table.Bounds{Records: 10, Bytes: 1}, "19"},
		{"records first", table.Bounds{Records: 1, Bytes: 9}, "19"},
		{"some partitions", table.Bounds{Records: 3, Only: []int32{1, 0}}, "16 18 19"},
		{"one partition", table.Bounds{Records: 100, Only: []int32{2}}, "2 5 8 11 14 17"},
		{"no partition", table.Bounds{Records: 3, Only: []int32{}}, ""},
		{"not far back", table.Bounds{Records: 2, Back: 1, Only: []int32{2}}, "14 17"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			records, _, err := table.LatestWithin(t.Context(), cfg, "orders", tt.in)
			if err != nil {
				t.Fatal(err)
			}
			var values []string
			for _, r := range records {
				values = append(values, string(r.Value))
			}
			if got := strings.Join(values, " "); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
	for _, p := range []int32{-1, 3} {
		if _, _, err := table.LatestWithin(t.Context(), cfg, "orders", table.Bounds{Records: 1, Only: []int32{p}}); !errors.Is(err, table.ErrOffset) {
			t.Errorf("partition %d: got %v, want ErrOffset", p, err)
		}
	}
}

func TestRecordAt(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 2, "orders", "empty")
	fill(t, cfg, "orders", 2, 6)
	r, info, err := table.RecordAt(t.Context(), cfg, "orders", 1, 2)
	if err != nil || string(r.Value) != "5" || r.Offset != 2 || r.Partition != 1 || info.ID == (kafka.TopicID{}) {
		t.Errorf("got %+v of %+v, %v", r, info, err)
	}
	for _, tt := range []struct {
		topic     string
		partition int32
		offset    int64
		says      string
	}{
		{"orders", 2, 0, "partitions 0 to 1, not 2"},
		{"orders", -1, 0, "partitions 0 to 1, not -1"},
		{"orders", 0, 3, "offsets 0 to 2, not 3"},
		{"orders", 0, -1, "offsets 0 to 2, not -1"},
		{"empty", 0, 0, "is empty"},
	} {
		t.Run(tt.says, func(t *testing.T) {
			_, _, err := table.RecordAt(t.Context(), cfg, tt.topic, tt.partition, tt.offset)
			if !errors.Is(err, table.ErrOffset) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want one that says %q", err, tt.says)
			}
		})
	}
}

// A batch that becomes too much is told of in its place by what shows records, and
// ends what reads all of them.
func TestBatchesThatBecomeTooMuch(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, "orders")
	fill(t, cfg, "orders", 1, 2)
	batch, err := bomb.Batch(kgo.ZstdCompression(), 3, 22<<20)
	if err != nil {
		t.Fatal(err)
	}
	if err := bomb.Write(t.Context(), cfg.Brokers, "orders", 0, batch); err != nil {
		t.Fatal(err)
	}
	records, _, err := table.Latest(t.Context(), cfg, "orders", 2)
	if err != nil || len(records) != 2 || string(records[0].Value) != "0" && string(records[0].Value) != "1" {
		t.Fatalf("got %d records, %v", len(records), err)
	}
	var refused *inflate.BatchError
	for _, r := range records {
		if refused = inflate.Refused(r); refused != nil {
			break
		}
	}
	if refused == nil || refused.First != 2 || refused.Last != 4 {
		t.Errorf("got %v, want offsets 2 to 4", refused)
	}
	if _, _, err := table.RecordAt(t.Context(), cfg, "orders", 0, 3); !errors.Is(err, table.ErrOffset) || !errors.As(err, &refused) {
		t.Errorf("a record within: %v", err)
	}
	if r, _, err := table.RecordAt(t.Context(), cfg, "orders", 0, 1); err != nil || string(r.Value) != "1" {
		t.Errorf("the record before: %v", err)
	}
	if err := table.Scan(t.Context(), cfg, "orders", 0, func(*sarama.ConsumerMessage) error { return nil }); !errors.As(err, &refused) {
		t.Errorf("a scan: %v", err)
	}
}
