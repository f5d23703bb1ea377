package codec_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/belfry/belfry/internal/parts"
)

// The committed code is what go generate makes of belfry.proto.
func TestGeneratedCodeIsCurrent(t *testing.T) {
	parts.Need(t, "protoc")
	source, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	directive := regexp.MustCompile(`(?m)^//go:generate sh -c (".*")$`).FindSubmatch(source)
	if directive == nil {
		t.Fatal("doc.go has no go:generate line")
	}
	script, err := strconv.Unquote(string(directive[1]))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	elsewhere := strings.Replace(script, "--go_out=.", `--go_out="$OUT"`, 1)
	if elsewhere == script {
		t.Fatalf("no --go_out=. in %q", script)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", elsewhere)
	cmd.Env = append(os.Environ(), "OUT="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("generate: %v\n%s", err, out)
	}
	path := filepath.Join("belfrypb", "belfry.pb.go")
	if got, want := generated(t, path), generated(t, filepath.Join(dir, path)); got != want {
		t.Errorf("%s is out of date: run go generate ./codec", path)
	}
}

// generated reads a file without the line that names the version of protoc,
// which is another on another machine.
func generated(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`(?m)^//\s+protoc .*\n`).ReplaceAllString(string(b), "")
}
