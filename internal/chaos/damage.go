package chaos

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// emptyState deletes all that a state folder holds; the folder may be a mount
// point and stays.
func emptyState(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("empty state folder: %w", err)
	}
	var errs []error
	for _, e := range entries {
		errs = append(errs, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return errors.Join(errs...)
}

// flipByte changes one byte of one of the files of a state folder's stores, and
// returns which. Locks and the log that LevelDB writes for people are none of
// the store. A folder without files is left as it is.
func flipByte(dir string, dice *rand.Rand) (string, error) {
	type file struct {
		path string
		size int64
	}
	var files []file
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name := d.Name()
		if strings.HasSuffix(strings.ToLower(name), "lock") || strings.HasPrefix(name, "LOG") || name == "ballast" {
			return nil
		}
		info, err := d.Info()
		if err == nil && info.Size() > 0 {
			files = append(files, file{path, info.Size()})
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("list state folder: %w", err)
	}
	if len(files) == 0 {
		return "nothing: the state folder is empty", nil
	}
	chosen := files[dice.IntN(len(files))]
	at := dice.Int64N(chosen.size)
	f, err := os.OpenFile(chosen.path, os.O_RDWR, 0)
	if err != nil {
		return "", fmt.Errorf("damage a state file: %w", err)
	}
	var b [1]byte
	if _, err = f.ReadAt(b[:], at); err == nil {
		b[0] ^= 1 << dice.IntN(8)
		_, err = f.WriteAt(b[:], at)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("damage a state file: %w", err)
	}
	rel, err := filepath.Rel(dir, chosen.path)
	if err != nil {
		rel = chosen.path
	}
	return fmt.Sprintf("a bit of byte %d of %d in %s", at, chosen.size, rel), nil
}
