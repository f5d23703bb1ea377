package kafkatest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// CutLog cuts a partition's log on a node that was killed, before the batch
// with the given offset, as a restore from a backup would: when the node is up
// again, and alone has the partition, the log ends there. It fails the test if
// that offset is not in the last segment.
func (c *Cluster) CutLog(id int, topic string, partition int32, offset int64) {
	c.t.Helper()
	n := c.node(id)
	if !n.process.Gone() {
		c.t.Fatalf("cut a log of Kafka node %d: it runs", id)
	}
	data := filepath.Join(n.dir, "data")
	c.check("cut a log of", n, errors.Join(
		cutLog(filepath.Join(data, fmt.Sprintf("%s-%d", topic, partition)), offset),
		// Kafka finds out anew how far the log was flushed and replicated.
		os.Remove(filepath.Join(data, "recovery-point-offset-checkpoint")),
		os.Remove(filepath.Join(data, "replication-offset-checkpoint")),
	))
}

// cutLog shortens the last segment and removes all that is made from it.
func cutLog(dir string, offset int64) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	last := ""
	for _, f := range files {
		switch filepath.Ext(f.Name()) {
		case ".log":
			last = max(last, f.Name())
		case ".index", ".timeindex", ".snapshot":
			if err := os.Remove(filepath.Join(dir, f.Name())); err != nil {
				return err
			}
		}
	}
	path := filepath.Join(dir, last)
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	at, err := batchAt(content, offset)
	if err != nil {
		return fmt.Errorf("%s: %w", strings.TrimPrefix(path, dir), err)
	}
	return os.Truncate(path, int64(at))
}

// batchAt returns where the batch with the offset begins. A batch begins with
// its first offset and how many bytes follow, and has at byte 23 how far its
// last offset is from the first.
func batchAt(segment []byte, offset int64) (int, error) {
	for at := 0; at+27 <= len(segment); {
		first := int64(binary.BigEndian.Uint64(segment[at:]))
		if first+int64(binary.BigEndian.Uint32(segment[at+23:])) >= offset {
			return at, nil
		}
		at += 12 + int(binary.BigEndian.Uint32(segment[at+8:]))
	}
	return 0, fmt.Errorf("no offset %d in it", offset)
}
