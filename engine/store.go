package engine

import (
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
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
//
// A store that cannot be read is set aside, one of each partition, and built
// anew from the table's topic: all that it holds is there.
func stores(dir, topic string, id TopicID, log *slog.Logger) (storage.Builder, error) {
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
	folder := filepath.Join(base, current)
	open := storage.DefaultBuilder(folder)
	return func(topic string, partition int32) (storage.Storage, error) {
		s, err := open(topic, partition)
		switch {
		case err == nil:
			return s, nil
		case strings.Contains(err.Error(), "resource temporarily unavailable"):
			return nil, fmt.Errorf("open state folder %s: another process uses it, give each its own --state-dir: %w", base, err)
		case !isCorrupt(err):
			return nil, fmt.Errorf("open state folder %s: %w", base, err)
		}
		path := filepath.Join(folder, fmt.Sprintf("%s.%d", topic, partition)) // as goka names it
		log.Warn("local store is corrupt, set aside and built anew from the topic", "store", path, "err", err)
		if err := errors.Join(os.RemoveAll(path+".corrupt"), os.Rename(path, path+".corrupt")); err != nil {
			return nil, fmt.Errorf("set corrupt store aside: %w", err)
		}
		return open(topic, partition)
	}, nil
}

// isCorrupt reports whether LevelDB refuses a store for what is in its files.
// goka wraps LevelDB's errors as text.
func isCorrupt(err error) bool {
	text := err.Error()
	return strings.Contains(text, "corrupt") || strings.Contains(text, "file missing")
}
