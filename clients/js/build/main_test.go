package main

import (
	"bytes"
	"compress/gzip"
	"os"
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

// TestSizes holds what a page pays: the bytes of gzip -9.
func TestSizes(t *testing.T) {
	most := map[string]int{
		"belfry.js": 8000, "belfry-bell.js": 12300, "belfry-view": 11500, "belfry-all.js": 29500,
		"belfry-ko": 1100, "belfry-outside": 960, "belfry-settings": 4600, "belfry-device": 1700, "belfry-sw.js": 1180,
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
