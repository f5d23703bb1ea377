package inflate

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/belfry/belfry/internal/bomb"
)

// repeated is a connection to a broker that gives one answer to a fetch over and over.
type repeated struct {
	net.Conn
	answer []byte
	left   bytes.Reader
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.left.Len() == 0 {
		r.left.Reset(r.answer)
	}
	return r.left.Read(p)
}

func (r *repeated) Close() error { return nil }

// fetching returns a connection whose partitions have such batches for ever.
func fetching(of *budget, partitions ...[]byte) *conn {
	answer := kmsg.NewPtrFetchResponse()
	answer.SetVersion(11)
	topic := kmsg.FetchResponseTopic{Topic: "t"}
	for i, batches := range partitions {
		topic.Partitions = append(topic.Partitions, kmsg.FetchResponseTopicPartition{Partition: int32(i), RecordBatches: batches})
	}
	answer.Topics = append(answer.Topics, topic)
	framed := answer.AppendTo(make([]byte, responseHead))
	binary.BigEndian.PutUint32(framed, uint32(len(framed)-lengthBytes))
	return newConn(&repeated{answer: framed}, of)
}

// fetch reads an answer as clients do, into a buffer of its own behind a small one.
func fetch(t testing.TB, c *conn) []byte {
	c.fetches[0] = 11
	r := bufio.NewReader(c)
	var head [responseHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		t.Fatal(err)
	}
	body := make([]byte, binary.BigEndian.Uint32(head[:])-(responseHead-lengthBytes))
	if _, err := io.ReadFull(r, body); err != nil {
		t.Fatal(err)
	}
	return body
}

// fetchLarge fetches until there is an answer of more than 14 MB.
func fetchLarge(t testing.TB, c *conn) []byte {
	for {
		if body := fetch(t, c); len(body) > 14e6 {
			return body
		}
	}
}

// TestLargeAnswersOfAllConnectionsHaveOneBudget holds that answers that became large are
// in memory one after the other, as long as anybody has them, that nobody whose answers
// are as usual waits for them, and that a consumer goes on whatever others hold.
func TestLargeAnswersOfAllConnectionsHaveOneBudget(t *testing.T) {
	t.Parallel()
	large, usual := dense(t, 15, 1e6), made(t, kgo.Lz4Compression(), 2000, 1000)
	const size, asMade = 15e6, 2*15e6 - freeAnswer
	of := newBudget(2*(size-freeAnswer) + asMade - 1e6)
	var consumed [][]byte
	for range 2 {
		consumed = append(consumed, fetchLarge(t, fetching(of, large)))
	}
	// The room that is left is less than one of them takes while it is made.
	waiting := fetching(of, large, usual)
	if body := fetch(t, waiting); len(body) < 2e6 || len(body) > 3e6 {
		t.Errorf("an answer of %d bytes beside large ones, want the usual partition alone", len(body))
	}
	if body := fetch(t, fetching(of, large)); len(body) < 14e6 || len(body) > 16e6 {
		t.Errorf("an answer of %d bytes to who has waited for room, want one batch", len(body))
	}
	runtime.KeepAlive(consumed)
	consumed = nil
	if body := fetchLarge(t, waiting); len(body) > 18e6 {
		t.Errorf("an answer of %d bytes, want both batches", len(body))
	}
}

// TestTheLargestAnswerHasRoom holds that no legal batch waits for ever.
func TestTheLargestAnswerHasRoom(t *testing.T) {
	t.Parallel()
	of := newBudget(leastBudget)
	for _, batch := range [][]byte{
		dense(t, 15, 1<<20),
		made(t, kgo.Lz4Compression(), MaxBatchRecords, 20),
	} {
		c := fetching(of, batch)
		for len(fetch(t, c)) < 14e6 {
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestHeadersAreCounted holds that a batch of headers takes the place that clients have
// for them, whatever codec it is in: 2 bytes become 56.
func TestHeadersAreCounted(t *testing.T) {
	t.Parallel()
	full := func(codec kgo.CompressionCodec, headers int) []byte {
		r := append([]byte{0, 0, 0, 1, 0}, binary.AppendVarint(nil, int64(headers))...) // no key, an empty value
		r = append(r, make([]byte, 2*headers)...)
		batch, err := bomb.Of(codec, 1, append(binary.AppendVarint(nil, int64(len(r))), r...))
		if err != nil {
			t.Fatal(err)
		}
		return batch
	}
	got, _ := appendInflated(nil, full(kgo.SnappyCompression(), 3_000_000), alone())
	if refused := refusedIn(readBack(t, got)[0]); refused == nil || !strings.Contains(refused.Error(), "so many headers") {
		t.Errorf("3,000,000 headers: %v", refused)
	}
	for _, codec := range []kgo.CompressionCodec{kgo.NoCompression(), kgo.SnappyCompression()} {
		p := alone()
		appendInflated(nil, full(codec, 500_000), p)
		if p.records != 125_001 || p.taken < 20e6 {
			t.Errorf("%v: 500,000 headers count as %d records and take %d bytes", codec, p.records, p.taken)
		}
		c := fetching(newBudget(leastBudget), bytes.Repeat(full(codec, 500_000), 20))
		if body := fetch(t, c); len(body) > 3<<20 {
			t.Errorf("%v: an answer has %d bytes of headers", codec, len(body))
		}
	}
}

// TestUnreadAnswersHoldNothing holds that a connection that ends gives back its answer.
func TestUnreadAnswersHoldNothing(t *testing.T) {
	t.Parallel()
	of := newBudget(leastBudget)
	c := fetching(of, dense(t, 15, 1e6))
	c.fetches[0] = 11
	if _, err := io.ReadFull(c, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	if of.room.TryAcquire(of.total) {
		t.Fatal("a large answer holds nothing")
	}
	if err := c.Close(); err != nil || !of.room.TryAcquire(of.total) {
		t.Errorf("an answer of a connection that is closed holds something, %v", err)
	}
}

// BenchmarkAnswers measures what it costs a consumer that catches up to have an answer
// of 12 partitions decompressed, read and dropped.
func BenchmarkAnswers(b *testing.B) {
	words := make([][]byte, 4096)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range words {
		words[i] = binary.AppendUvarint([]byte("word-"), random.Uint64())
	}
	for _, size := range []struct {
		name    string
		batches int
	}{{"usual", 1}, {"catch-up", 20}} {
		b.Run(size.name, func(b *testing.B) {
			var partitions [][]byte
			total := 0
			for range 12 {
				var all []byte
				for range size.batches {
					batch, err := bomb.Filled(kgo.Lz4Compression(), 300, func() []byte {
						var value []byte
						for len(value) < 1000 {
							value = append(value, words[random.IntN(len(words))]...)
						}
						total += len(value)
						return value
					})
					if err != nil {
						b.Fatal(err)
					}
					all = append(all, batch...)
				}
				partitions = append(partitions, all)
			}
			c := fetching(nil, partitions...)
			b.SetBytes(int64(total))
			for b.Loop() {
				fetch(b, c)
			}
		})
	}
}

// TestLargeBatchesDoNotGrow holds that what a large batch becomes is never copied to where
// there is more room: the system makes the pages of that meanwhile, and nothing else can
// have the processor.
func TestLargeBatchesDoNotGrow(t *testing.T) {
	t.Parallel()
	var body []byte
	for len(body) < MaxBatchBytes { // some of it compresses, some does not
		body = append(fmt.Appendf(body, "%x", rand.Uint64()), bytes.Repeat([]byte("x"), 200)...)
	}
	body = body[:MaxBatchBytes-13] // with what is around it as large as one may be
	r := append([]byte{0, 0, 0, 1}, binary.AppendVarint(nil, int64(len(body)))...)
	r = append(append(r, body...), 0)
	r = append(binary.AppendVarint(nil, int64(len(r))), r...)
	for name, codec := range map[string]kgo.CompressionCodec{
		"gzip": kgo.GzipCompression(), "lz4": kgo.Lz4Compression(), "snappy": kgo.SnappyCompression(), "zstd": kgo.ZstdCompression(),
	} {
		b, err := bomb.Of(codec, 1, r)
		if err != nil {
			t.Fatal(err)
		}
		out, err := batch(b).decompress(alone())
		if err != nil || len(out) != MaxBatchBytes || !bytes.Equal(out, r) || cap(out) != whole(MaxBatchBytes) {
			t.Errorf("%s: %d bytes became %d in a buffer of %d, %v, want them in one of %d", name, len(b), len(out), cap(out), err, whole(MaxBatchBytes))
		}
	}
}
