package kafka

import (
	"bytes"
	"encoding/binary"
	"hash"

	"github.com/belfry/belfry"
)

// Hasher returns the hash that every producer, processor and view of ours
// partitions by. It is murmur2 as Java's default partitioner computes it
// (org.apache.kafka.common.utils.Utils.murmur2, seed 0x9747b28c), over the key
// up to its first '/': so a Java producer keyed by recipient and we agree, and
// an item's key "recipient/seq" lies in its recipient's partition. A partition's own
// key ([belfry.PartitionKey]) hashes to the partition's number. The sign bit
// is cleared as Java's toPositive does, which makes sarama's and goka's
// different ways to a positive number the same.
func Hasher() hash.Hash32 { return &javaHash{} }

// Partition returns the partition of n that key belongs to.
func Partition(key string, n int) int32 {
	h := javaHash{key: []byte(key)}
	return int32(h.Sum32() % uint32(n))
}

type javaHash struct{ key []byte }

func (h *javaHash) Write(p []byte) (int, error) {
	h.key = append(h.key, p...)
	return len(p), nil
}

func (h *javaHash) Sum32() uint32 {
	key := h.key
	if i := bytes.IndexByte(key, '/'); i >= 0 {
		key = key[:i]
	}
	if len(key) > 2 && key[0] == '_' && key[1] == '_' {
		if partition, ok := belfry.ParsePartitionKey(string(key)); ok {
			return uint32(partition)
		}
	}
	return murmur2(key) & 0x7fffffff
}

func (h *javaHash) Sum(b []byte) []byte { return binary.BigEndian.AppendUint32(b, h.Sum32()) }
func (h *javaHash) Reset()              { h.key = h.key[:0] }
func (h *javaHash) Size() int           { return 4 }
func (h *javaHash) BlockSize() int      { return 4 }

func murmur2(b []byte) uint32 {
	const m, seed = 0x5bd1e995, 0x9747b28c
	h := seed ^ uint32(len(b))
	for ; len(b) >= 4; b = b[4:] {
		k := binary.LittleEndian.Uint32(b) * m
		k ^= k >> 24
		h = h*m ^ k*m
	}
	switch len(b) {
	case 3:
		h ^= uint32(b[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(b[1]) << 8
		fallthrough
	case 1:
		h = (h ^ uint32(b[0])) * m
	}
	h = (h ^ h>>13) * m
	return h ^ h>>15
}
