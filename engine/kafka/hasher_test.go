package kafka_test

import (
	"fmt"
	"testing"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
)

// The vectors of Kafka's own UtilsTest.testMurmur2, before the sign bit is
// cleared.
func TestHasherGivesKafkasVectors(t *testing.T) {
	tests := []struct {
		key  string
		want int32
	}{
		{"21", -973932308},
		{"foobar", -790332482},
		{"a-little-bit-long-string", -985981536},
		{"a-little-bit-longer-string", -1486304829},
		{"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
		{"abc", 479470107},
	}
	for _, tt := range tests {
		t.Run(tt.key, func(t *testing.T) {
			h := kafka.Hasher()
			h.Write([]byte("what was before is forgotten"))
			h.Reset()
			h.Write([]byte(tt.key[:1]))
			h.Write([]byte(tt.key[1:]))
			if got, want := h.Sum32(), uint32(tt.want)&0x7fffffff; got != want {
				t.Errorf("got %d, want %d", got, want)
			}
			if got, want := fmt.Sprintf("%x", h.Sum(nil)), fmt.Sprintf("%08x", h.Sum32()); got != want {
				t.Errorf("Sum gave %s, want %s", got, want)
			}
		})
	}
}

func keys() []string {
	all := []string{"", "a", "ab", "abc", "사용자-7", "사용자", "山田", "a.b@example.com"}
	for i := range 300 {
		all = append(all, fmt.Sprintf("user-%d", i), fmt.Sprintf("사용자-%d", i))
	}
	return all
}

// sarama, goka and we make a partition of the same hash in three ways.
func TestPartitionersAgree(t *testing.T) {
	for _, n := range []int32{1, 3, 12, 50, 64} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			partitioner := sarama.NewCustomHashPartitioner(kafka.Hasher)("topic")
			for _, key := range keys() {
				want := kafka.Partition(key, int(n))
				if want < 0 || want >= n {
					t.Fatalf("%q: partition %d of %d", key, want, n)
				}
				got, err := partitioner.Partition(&sarama.ProducerMessage{Key: sarama.StringEncoder(key)}, n)
				if err != nil || got != want {
					t.Errorf("%q: sarama has %d (%v), want %d", key, got, err, want)
				}
				// As goka's Processor and View do it.
				h := kafka.Hasher()
				h.Write([]byte(key))
				sum := int32(h.Sum32())
				if sum < 0 {
					sum = -sum
				}
				if got := sum % n; got != want {
					t.Errorf("%q: goka has %d, want %d", key, got, want)
				}
			}
		})
	}
}

func TestItemsLieWithTheirRecipient(t *testing.T) {
	for _, recipient := range keys() {
		for _, seq := range []uint64{0, 1, 1<<64 - 1} {
			key := inbox.ItemKey(recipient, seq)
			if got, want := kafka.Partition(key, 50), kafka.Partition(recipient, 50); got != want {
				t.Errorf("%s lies in %d, its recipient in %d", key, got, want)
			}
		}
	}
}

// A partition's own keys lie in it, those of contents too.
func TestPartitionsOwnKeysLieInThem(t *testing.T) {
	for p := range int32(64) {
		for _, key := range []string{belfry.PartitionKey(p), inbox.ItemKey(belfry.PartitionKey(p), 5)} {
			if got := kafka.Partition(key, 64); got != p {
				t.Errorf("%s lies in %d", key, got)
			}
		}
	}
}
