package engine

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/lovoo/goka/storage"
)

// stores returns the builder of the local stores of one table: LevelDB, one
// folder a partition, under dir/<topic>/<topic ID>. The ID keeps the store of a
// topic that was deleted and created again apart: goka would take the old rows
// for the new topic's and wait for ever for offsets that are not there. What
// belongs to earlier incarnations is deleted.
func stores(dir, topic string, id TopicID) (storage.Builder, error) {
	base := filepath.Join(dir, topic)
	current := hex.EncodeToString(id[:])
	if err := os.MkdirAll(filepath.Join(base, current), 0o700); err != nil {
		return nil, fmt.Errorf("make state folder: %w", err)
	}
	entries, err := os.ReadDir(base)
	if err != nil {
		return nil, fmt.Errorf("read state folder: %w", err)
	}
	for _, e := range entries {
		if e.Name() != current && len(e.Name()) == len(current) {
			if err := os.RemoveAll(filepath.Join(base, e.Name())); err != nil {
				return nil, fmt.Errorf("remove state of an earlier %s: %w", topic, err)
			}
		}
	}
	open := storage.DefaultBuilder(filepath.Join(base, current))
	return func(topic string, partition int32) (storage.Storage, error) {
		s, err := open(topic, partition)
		if err != nil && strings.Contains(err.Error(), "resource temporarily unavailable") {
			return nil, fmt.Errorf("open state folder %s: another process uses it, give each its own --state-dir: %w", base, err)
		}
		return s, err
	}, nil
}
