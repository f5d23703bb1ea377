package chaos

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tree writes files and returns their folder.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func readTree(t *testing.T, dir string, files map[string]string) map[string]string {
	t.Helper()
	got := map[string]string{}
	for name := range files {
		text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		got[name] = string(text)
	}
	return got
}

func TestFlipByteChangesOneBitOfAStore(t *testing.T) {
	files := map[string]string{
		"processors/a.0/000001.log": "some records", "processors/a.0/MANIFEST-000000": "m", "processors/a.1/000002.ldb": "table",
		"processors/a.0/LOCK": "x", "processors/a.0/LOG": "words", "processors.lock": "x", "ballast": "000", "processors/a.0/CURRENT": "",
	}
	touched := map[string]bool{}
	for seed := range uint64(60) {
		dir := tree(t, files)
		what, err := flipByte(dir, rand.New(rand.NewPCG(seed, 0)))
		if err != nil {
			t.Fatal(err)
		}
		bits := 0
		for name, text := range readTree(t, dir, files) {
			if text == files[name] {
				continue
			}
			touched[name] = true
			if len(text) != len(files[name]) {
				t.Errorf("%s has %d bytes, had %d", name, len(text), len(files[name]))
			}
			for i := range text {
				for d := text[i] ^ files[name][i]; d != 0; d &= d - 1 {
					bits++
				}
			}
			if !strings.Contains(what, filepath.Base(name)) {
				t.Errorf("%q does not name %s", what, name)
			}
		}
		if bits != 1 {
			t.Errorf("seed %d: %d bits changed: %s", seed, bits, what)
		}
	}
	if len(touched) != 3 {
		t.Errorf("files that were ever damaged: %v, want the three of the stores", touched)
	}
}

func TestFlipByteWithoutFiles(t *testing.T) {
	if what, err := flipByte(t.TempDir(), rand.New(rand.NewPCG(1, 0))); err != nil || !strings.Contains(what, "nothing") {
		t.Errorf("%q, %v", what, err)
	}
	if _, err := flipByte(filepath.Join(t.TempDir(), "none"), rand.New(rand.NewPCG(1, 0))); err == nil {
		t.Error("no error for a folder that is not there")
	}
}

func TestEmptyStateKeepsTheFolder(t *testing.T) {
	dir := tree(t, map[string]string{"a/b/c": "x", "d": "y"})
	if err := emptyState(dir); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if emptyState(filepath.Join(dir, "none")) == nil {
		t.Error("no error for a folder that is not there")
	}
}
