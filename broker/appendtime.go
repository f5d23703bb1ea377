package broker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Of a record batch of message format 2
// (https://kafka.apache.org/documentation/#recordbatch): where its length
// stands and what that does not count, where its checksum stands and what that is of, and bits of its attributes.
const (
	atLength   = 8
	lengthBase = 12
	atCRC      = 17
	atChecked  = 21

	codecMask   = 0x07
	appendTime  = 0x08
	controlMask = 0x20
)

// errClosed ends the connection of a request that came while closing.
var errClosed = errors.New("broker is closing")

// stamper gives records of LogAppendTime topics the time of their arrival,
// which kfake doesn't. It works on the request before kfake sees it. The
// batch's own append-time flag can't serve: kfake writes new timestamps into a
// batch that has it, leaves the checksum as it was, and so ruins the batch.
type stamper struct {
	cluster     *kfake.Cluster
	compressors [codecMask + 1]kgo.Compressor
	inflate     kgo.Decompressor

	// Held for reading while a request is stamped. kfake would otherwise shut
	// down in the middle of the control function and append the request's
	// records after it has saved everything.
	mu     sync.RWMutex
	closed bool
}

func newStamper(cluster *kfake.Cluster) *stamper {
	s := &stamper{cluster: cluster, inflate: kgo.DefaultDecompressor()}
	for codec, c := range map[kgo.CompressionCodecType]kgo.CompressionCodec{
		kgo.CodecGzip:   kgo.GzipCompression(),
		kgo.CodecSnappy: kgo.SnappyCompression(),
		kgo.CodecLz4:    kgo.Lz4Compression(),
		kgo.CodecZstd:   kgo.ZstdCompression(),
	} {
		// An error leaves the entry nil: such a batch is stored uncompressed.
		s.compressors[codec], _ = kgo.DefaultCompressor(c)
	}
	return s
}

// stop waits for requests being stamped and refuses later ones.
func (s *stamper) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

// control is kfake's hook for Produce requests.
func (s *stamper) control(r kmsg.Request) (kmsg.Response, error, bool) { //nolint:revive // kfake's signature
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		s.cluster.KeepControl() // else the next request would pass unstamped
		return nil, errClosed, true
	}
	req, ok := r.(*kmsg.ProduceRequest)
	if !ok {
		return nil, nil, false
	}
	now := time.Now()
	for i := range req.Topics {
		t := &req.Topics[i]
		if !s.stamps(t) {
			continue
		}
		for j := range t.Partitions {
			p := &t.Partitions[j]
			p.Records = s.stamp(p.Records, now)
		}
	}
	return nil, nil, false
}

// stamps tells whether the topic asks for append time. Since version 13 a
// request names topics by ID (KIP-516).
func (s *stamper) stamps(t *kmsg.ProduceRequestTopic) bool {
	var info *kfake.TopicInfo
	if t.Topic != "" {
		info = s.cluster.TopicInfo(t.Topic)
	} else {
		info = s.cluster.TopicIDInfo(t.TopicID)
	}
	if info == nil {
		return false
	}
	kind := info.Configs["message.timestamp.type"]
	return kind != nil && *kind == "LogAppendTime"
}

// stamp gives a copy of the batch in which every record has the given time.
// Bytes that aren't a sound batch come back as they are, for kfake to refuse.
func (s *stamper) stamp(batch []byte, at time.Time) []byte {
	var b kmsg.RecordBatch
	if b.ReadFrom(batch) != nil || b.Magic != 2 || uint32(b.CRC) != checksum(batch) || b.Attributes&(controlMask|appendTime) != 0 {
		return batch
	}
	codec := kgo.CompressionCodecType(b.Attributes & codecMask)
	records, err := s.inflate.Decompress(b.Records, codec)
	if err != nil {
		return batch
	}
	records, ok := flatten(records)
	if !ok {
		return batch
	}
	var compressed bytes.Buffer
	stored := kgo.CodecNone
	if c := s.compressors[codec]; c != nil {
		records, stored = c.Compress(&compressed, records)
	}
	b.Records, b.Attributes = records, b.Attributes&^codecMask|int16(stored)
	b.FirstTimestamp, b.MaxTimestamp = at.UnixMilli(), at.UnixMilli()
	out := b.AppendTo(nil)
	binary.BigEndian.PutUint32(out[atLength:], uint32(len(out)-lengthBase))
	binary.BigEndian.PutUint32(out[atCRC:], checksum(out))
	return out
}

// flatten copies the records with every timestamp delta set to zero. A record
// is its length, an attribute byte, the delta and the rest, with zigzag
// varints.
func flatten(records []byte) ([]byte, bool) {
	out := make([]byte, 0, len(records))
	for len(records) > 0 {
		length, n := binary.Varint(records)
		if n <= 0 || length < 1 || length > int64(len(records)-n) {
			return nil, false
		}
		body := records[n : n+int(length)]
		records = records[n+int(length):]
		_, d := binary.Varint(body[1:])
		if d <= 0 {
			return nil, false
		}
		rest := body[1+d:]
		out = binary.AppendVarint(out, int64(2+len(rest)))
		out = append(out, body[0], 0)
		out = append(out, rest...)
	}
	return out, true
}

func checksum(batch []byte) uint32 {
	return crc32.Checksum(batch[atChecked:], crc32.MakeTable(crc32.Castagnoli))
}
