package inflate

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/bomb"
)

func made(t *testing.T, codec kgo.CompressionCodec, records, size int) []byte {
	t.Helper()
	b, err := bomb.Batch(codec, records, size)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// dense returns a batch in LZ4 of values that are as many times their size as texts may
// be, nearly.
func dense(t testing.TB, records, size int) []byte {
	t.Helper()
	value := make([]byte, size)
	batch, err := bomb.Filled(kgo.Lz4Compression(), records, func() []byte {
		for i := 0; i < size/50; i += 10 {
			copy(value[i*5:], rand.Text()[:10])
		}
		return value
	})
	if err != nil {
		t.Fatal(err)
	}
	return batch
}

// alone is a new answer that nobody else takes room from.
func alone() *portion { return &portion{of: newBudget(unlimitedBudget), left: maxAnswer} }

// readBack returns the records of a batch as franz-go reads them.
func readBack(t *testing.T, raw []byte) []*kgo.Record {
	t.Helper()
	if sum := crc32.Checksum(raw[atAttributes:], castagnoli); sum != binary.BigEndian.Uint32(raw[atChecksum:]) {
		t.Errorf("the checksum is %x, want %x", raw[atChecksum:atAttributes], sum)
	}
	p := &kmsg.FetchResponseTopicPartition{RecordBatches: raw, HighWatermark: 1 << 40, LastStableOffset: 1 << 40}
	out, _ := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Topic: "t"}, p, kgo.DefaultDecompressor(), nil)
	if out.Err != nil {
		t.Fatal(out.Err)
	}
	return out.Records
}

func refusedIn(r *kgo.Record) *BatchError {
	m := &sarama.ConsumerMessage{}
	for _, h := range r.Headers {
		m.Headers = append(m.Headers, &sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
	}
	return Refused(m)
}

func TestBatchesAreDecompressed(t *testing.T) {
	t.Parallel()
	for _, codec := range []kgo.CompressionCodec{kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()} {
		p := alone()
		got, changed := appendInflated(nil, made(t, codec, 3, 1000), p)
		records := readBack(t, got)
		if !changed || len(records) != 3 || len(records[2].Value) != 1000 || records[2].Offset != 2 || refusedIn(records[2]) != nil {
			t.Errorf("%v: %d records, changed %t", codec, len(records), changed)
		}
		if took := maxAnswer - p.left; took != len(got)+3*bytesOfARecord {
			t.Errorf("%v: took %d of the budget", codec, took)
		}
	}
	plain := made(t, kgo.NoCompression(), 3, 1000)
	if got, changed := appendInflated(nil, plain, alone()); changed || got != nil {
		t.Error("a batch without compression was changed")
	}
}

// A batch that does not decompress would be fetched for ever.
func TestBatchesThatAreRefused(t *testing.T) {
	t.Parallel()
	broken := made(t, kgo.GzipCompression(), 5, 1000)
	broken[batchHead+12] ^= 0xff
	for _, tt := range []struct {
		raw   []byte
		first int64
		last  int64
		says  string
	}{
		{made(t, kgo.SnappyCompression(), 2, 40<<20), 0, 1, "decompresses to more than 16 MiB"},
		{made(t, kgo.ZstdCompression(), 5, 1<<20), 0, 4, "decompresses to more than 4 MiB, and to more than 64 times its size"},
		{made(t, kgo.GzipCompression(), 20, 1<<20), 0, 19, "decompresses to more than 4 MiB, and to more than 64 times its size"},
		{made(t, kgo.ZstdCompression(), MaxBatchRecords+1, 0), 0, MaxBatchRecords, "holds 524289 records, more than 524288"},
		{broken, 7, 11, "does not decompress"},
	} {
		binary.BigEndian.PutUint64(tt.raw, uint64(tt.first))
		next := made(t, kgo.NoCompression(), 1, 9)
		got, _ := appendInflated(nil, append(tt.raw, next...), alone())
		b, _ := parseBatch(got)
		records := readBack(t, b)
		if len(records) != 1 || records[0].Offset != tt.last || records[0].Value == nil {
			t.Fatalf("%s: %d records", tt.says, len(records))
		}
		refused := refusedIn(records[0])
		if refused == nil || refused.First != tt.first || refused.Last != tt.last || !strings.Contains(refused.Error(), tt.says) || !errors.Is(refused, belfry.ErrTooLarge) {
			t.Errorf("%v, want %s", refused, tt.says)
		}
		if !bytes.HasSuffix(got, next) {
			t.Errorf("%s: what comes behind is gone", tt.says)
		}
	}
}

func TestAnAnswerIsBounded(t *testing.T) {
	t.Parallel()
	large := dense(t, 5, 3<<20)
	p := alone()
	first, _ := appendInflated(nil, bytes.Repeat(large, 3), p)
	second, changed := appendInflated([]byte("first"), large, p)
	two := 0
	for rest := first; len(rest) > 0; two++ {
		b, ok := parseBatch(rest)
		if !ok || len(readBack(t, b)) != 5 {
			t.Fatalf("batch %d is not what it was", two)
		}
		rest = rest[len(b):]
	}
	if two != 2 {
		t.Errorf("%d of three batches, want 2", two)
	}
	if string(second) != "first" || !changed {
		t.Errorf("%d bytes with those of another partition beyond the bound", len(second))
	}
	if got, _ := appendInflated(nil, made(t, kgo.ZstdCompression(), MaxBatchRecords, 0), alone()); len(readBack(t, got)) != MaxBatchRecords {
		t.Error("the first batch of an answer was left out")
	}
}

// TestNothingIsDecompressedInVain holds that an answer that is full costs nothing more:
// the batches of 12 partitions took three times as long as those that it had room for.
func TestNothingIsDecompressedInVain(t *testing.T) {
	large, p := dense(t, 5, 3<<20), alone()
	if p.fits(maxAnswer, 0); p.fits(1, 0) {
		t.Fatal("a full answer has room")
	}
	if n := testing.AllocsPerRun(3, func() { appendInflated(nil, large, p) }); n > 0 {
		t.Errorf("%v allocations for a batch that has no place", n)
	}
}

// TestFetchesAreToldByTheirRequests holds that answers to anything else pass as they
// are, however reads and writes are cut.
func TestFetchesAreToldByTheirRequests(t *testing.T) {
	t.Parallel()
	ours, theirs := net.Pipe()
	defer ours.Close()
	c := newConn(ours, nil)
	answer := kmsg.NewPtrFetchResponse()
	answer.SetVersion(12)
	answer.Topics = []kmsg.FetchResponseTopic{{Topic: "t", Partitions: []kmsg.FetchResponseTopicPartition{{RecordBatches: made(t, kgo.ZstdCompression(), 1, 1<<20)}}}}
	framed := func(id int32, body []byte) []byte {
		out := binary.BigEndian.AppendUint32(nil, uint32(4+len(body)))
		return append(binary.BigEndian.AppendUint32(out, uint32(id)), body...)
	}
	fetched := framed(2, answer.AppendTo([]byte{0}))
	go func() {
		defer theirs.Close()
		if _, err := io.CopyN(io.Discard, theirs, 2*(14+5)); err != nil {
			t.Error(err)
		}
		for _, b := range append(framed(1, fetched), fetched...) {
			if _, err := theirs.Write([]byte{b}); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	request := func(key, version int16, id int32) []byte {
		out := binary.BigEndian.AppendUint32(nil, 10+5)
		out = binary.BigEndian.AppendUint16(out, uint16(key))
		out = binary.BigEndian.AppendUint16(out, uint16(version))
		out = binary.BigEndian.AppendUint32(out, uint32(id))
		return append(out, make([]byte, 2+5)...)
	}
	for _, b := range append(request(3, 12, 1), request(1, 12, 2)...) {
		if _, err := c.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	all, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	if other := framed(1, fetched); !bytes.HasPrefix(all, other) {
		t.Fatal("an answer to another request was changed")
	} else if all = all[len(other):]; len(all) < 1<<20 || binary.BigEndian.Uint32(all) != uint32(len(all)-4) || binary.BigEndian.Uint32(all[4:]) != 2 {
		t.Fatalf("the answer to a fetch has %d bytes", len(all))
	}
}
