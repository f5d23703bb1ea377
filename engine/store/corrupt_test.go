package store

import (
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A byte that is not what was written is found: what is read is either right or
// an error, and after an error the store is not used again.
func TestStoreWithAFlippedByte(t *testing.T) {
	t.Parallel()
	whole := t.TempDir()
	const operations = 30_000
	s, err := newStore(t, vfs.Default, whole)
	if err != nil {
		t.Fatal(err)
	}
	p := openPartition(t, s, 0)
	for i := 0; i < operations; i += 3000 {
		fill(t, p, i, i+3000)
		if err := s.flush(0); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	found, flips := 0, 150
	if testing.Short() {
		flips = 30
	}
	for range flips {
		seed := rand.Uint64()
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
			t.Fatal(err)
		}
		flipped := flip(t, dir, rand.New(rand.NewPCG(seed, 0)))
		if broken := readAll(t, dir, operations, flipped); !broken {
			continue
		}
		found++
		// A store that was found broken is not opened again, or is whole.
		if readAll(t, dir, operations, flipped) {
			t.Errorf("seed %d: %s: error after it was found once", seed, flipped)
		}
	}
	if found == 0 {
		t.Error("no flipped byte led to an error")
	}
	t.Logf("%d of %d flipped bytes led to an error when reading", found, flips)
}

// flip changes one byte of one file of the rows, and gives the file's name.
func flip(t *testing.T, dir string, random *rand.Rand) string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.Contains(path, "rows") {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Size() > 0 {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	name := files[random.IntN(len(files))]
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	content[random.IntN(len(content))] ^= 1 << random.IntN(8)
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return filepath.Base(name)
}

// readAll opens a store, reads all and tells whether there was an error. It
// fails the test if something that was read is wrong.
func readAll(t *testing.T, dir string, operations int, flipped string) (broken bool) {
	t.Helper()
	s, err := newStore(t, vfs.Default, dir)
	if err != nil {
		t.Errorf("%s: open: %v", flipped, err)
		return true
	}
	defer func() {
		if err := within(t, "close", s.Close); err != nil && !broken {
			t.Errorf("%s: close: %v", flipped, err)
		}
	}()
	p, err := s.OpenPartition("t", 0)
	if err != nil {
		return true
	}
	_, wrong, err := verifyRows(p, operations)
	if wrong != "" {
		t.Errorf("%s: %s", flipped, wrong)
	}
	if err != nil {
		return true
	}
	iter, err := p.Iterator()
	if err != nil {
		return true
	}
	defer iter.Release()
	for iter.Next() {
		if _, err := iter.Value(); err != nil {
			return true
		}
	}
	return iter.Err() != nil
}
