package broker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

// The names of kfake's files that this package has to know.
const (
	partitionsDir = "partitions"
	snapshotFile  = "snapshot.json"
	sequencesFile = "seq_windows.json"
	segmentSuffix = ".dat"
)

// lockFile is ours; kfake itself lets two brokers write the same folder.
const lockFile = "broker.lock"

// dataDir is a data folder that this process holds. A nil one is none.
type dataDir struct {
	path string
	lock *os.File
}

// openDataDir makes the folder if needed, takes its lock and corrects what kfake
// would read wrongly.
func openDataDir(path string) (*dataDir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("create broker data folder %s: %w", path, err)
	}
	lock, err := os.OpenFile(filepath.Join(path, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock of broker data folder %s: %w", path, err)
	}
	d := &dataDir{path: path, lock: lock}
	if err := tryLock(lock); err != nil {
		return nil, closing(d, fmt.Errorf("broker data folder %s is in use by another broker: %w", path, err))
	}
	if err := d.keepOffsets(); err != nil {
		return nil, closing(d, fmt.Errorf("prepare broker data folder %s: %w", path, err))
	}
	return d, nil
}

// checkMode warns of a folder that was there before and that others can read: it
// has everybody's notifications.
func (d *dataDir) checkMode(log *slog.Logger) {
	if d == nil || log == nil {
		return
	}
	if info, err := os.Stat(d.path); err == nil && info.Mode().Perm()&0o077 != 0 {
		log.Warn("others on this machine can read the broker's data: chmod 700 its folder", "folder", d.path, "mode", info.Mode().Perm().String())
	}
}

// started removes what only describes the last Close. The sequences of
// idempotent producers are written at Close alone: read again after a kill,
// they are those of long ago and make the broker refuse a producer's next
// batch as out of order. Without them it takes any.
func (d *dataDir) started() error {
	if d == nil {
		return nil
	}
	err := os.Remove(filepath.Join(d.path, sequencesFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove old producer sequences: %w", err)
	}
	return nil
}

// Close frees the folder for another broker; the lock goes with the file's
// last descriptor.
func (d *dataDir) Close() error {
	if d == nil {
		return nil
	}
	return d.lock.Close()
}

// keepOffsets makes kfake go on where it was in partitions that retention has
// emptied: it reads the end offset from the snapshot only if there is a
// segment, and would start such a partition at 0 under the same topic ID.
func (d *dataDir) keepOffsets() error {
	root := filepath.Join(d.path, partitionsDir)
	entries, err := os.ReadDir(root)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		if err := keepOffset(filepath.Join(root, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

func keepOffset(partition string) error {
	entries, err := os.ReadDir(partition)
	if err != nil {
		return err
	}
	var empty []string
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), segmentSuffix) {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if info.Size() > 0 {
			return nil
		}
		empty = append(empty, filepath.Join(partition, e.Name()))
	}
	path := filepath.Join(partition, snapshotFile)
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var known struct {
		HighWatermark int64 `json:"high_watermark"`
	}
	fields := map[string]any{}
	if err := errors.Join(json.Unmarshal(raw, &known), json.Unmarshal(raw, &fields)); err != nil {
		// kfake passes over a snapshot that it can't read as well.
		return nil
	}
	if known.HighWatermark == 0 {
		return nil
	}
	for _, name := range empty {
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	segment := filepath.Join(partition, fmt.Sprint(known.HighWatermark)+segmentSuffix)
	if err := os.WriteFile(segment, nil, 0o644); err != nil {
		return err
	}
	fields["high_watermark"] = known.HighWatermark
	fields["last_stable_offset"] = known.HighWatermark
	fields["log_start_offset"] = known.HighWatermark
	fields["segments"] = []map[string]int64{{"base_offset": known.HighWatermark, "size": 0}}
	out, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".tmp", out, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

// closing closes c and gives err with what that said.
func closing(c io.Closer, err error) error {
	return errors.Join(err, c.Close())
}
