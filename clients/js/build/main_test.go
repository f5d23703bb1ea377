package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/belfry/belfry/clients/js"
)

// TestBuilt holds that what is committed is what the sources make.
func TestBuilt(t *testing.T) {
	want, err := build("..")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]byte{}
	for _, f := range js.Files() {
		got[f.Name] = f.Body
	}
	for _, f := range want {
		if !bytes.Equal(got[f.Name], f.Body) {
			t.Errorf("dist/%s is not what the sources make: run go generate ./clients/js", f.Name)
		}
		delete(got, f.Name)
	}
	for name := range got {
		t.Errorf("dist/%s is made by nothing", name)
	}
	text, err := os.ReadFile("../" + page)
	if err != nil {
		t.Fatal(err)
	}
	pinned, err := pin(text, want)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, pinned) {
		t.Error("docs/frontend.md names other files: run go generate ./clients/js")
	}
}

func TestPinNeedsItsPlace(t *testing.T) {
	for _, text := range []string{"", begin, end + begin} {
		if got, err := pin([]byte(text), nil); err == nil {
			t.Errorf("%q: got %q, want an error", text, got)
		}
	}
}

// TestInternalNames holds that names which the build makes short are those of no type that
// pages see, and of no module in a bundle of its own, which would call them otherwise.
func TestInternalNames(t *testing.T) {
	used := regexp.MustCompile(`\.(` + internal + `)\b|(?m:^\s*(readonly )?(` + internal + `)\??[:(])|[{,]\s*(` + internal + `)\s*[,:}=]`)
	for _, pattern := range []string{"../*.js", "../src/*.d.ts", "../src/device.js", "../src/worker.js", "../src/ko.js", "../src/outside.js", "../src/inbox/*.js"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: got %v, %v", pattern, paths, err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if name := used.Find(text); name != nil {
				t.Errorf("%s has %q, which is an internal name of the client", path, name)
			}
		}
	}
}

// TestSizes holds what a page pays: the bytes as servers compress them, which are a few
// more or less than those of gzip -9.
func TestSizes(t *testing.T) {
	most := map[string]int{
		"belfry.js": 6144, "belfry-bell.js": 10394, "belfry-view": 4980, "belfry-all.js": 29000,
		"belfry-acting": 1500, "belfry-controls": 5600,
		"belfry-ko": 1100, "belfry-outside": 970, "belfry-settings": 4350, "belfry-device": 1810, "belfry-asides": 2400, "belfry-sw.js": 1180,
	}
	for _, f := range js.Files() {
		if name, _, later := strings.Cut(f.Name, "."); later && f.Name == f.Pinned() {
			f.Name = name
		}
		var packed bytes.Buffer
		w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(f.Body); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes, %d compressed", f.Name, len(f.Body), packed.Len())
		if packed.Len() > most[f.Name] {
			t.Errorf("%s has %d bytes compressed, want at most %d", f.Name, packed.Len(), most[f.Name])
		}
	}
}
