package buildtest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Former builds the command as it was before a file of the module was deleted, such
// as the program of an earlier release, and returns a path that lasts as long as
// the test. It skips the test where the history does not reach that far, or where
// there is none. A build is kept in the user's cache.
func Former(t testing.TB, deleted, folder string) string {
	t.Helper()
	return former(t, deleted, "D", folder)
}

// FormerBefore is [Former] of the command as it was before a file was added.
func FormerBefore(t testing.TB, added, folder string) string {
	t.Helper()
	return former(t, added, "A", folder)
}

// former builds the parent of the last commit that did something, a diff filter of git,
// to a file.
func former(t testing.TB, file, did, folder string) string {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	git := func(args ...string) (string, error) {
		out, err := exec.CommandContext(t.Context(), "git", append([]string{"-C", root}, args...)...).Output()
		return strings.TrimSpace(string(out)), err
	}
	last, err := git("log", "-1", "--diff-filter="+did, "--format=%H", "--", file)
	if err != nil || last == "" {
		t.Skipf("the history does not say when %s changed: %v", file, err)
	}
	revision, err := git("rev-parse", "--verify", "--quiet", last+"^")
	if err != nil || revision == "" {
		t.Skipf("the history ends where %s changed; a whole clone has the program of before", file)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(cache, "belfry", "former-"+revision[:12], filepath.Base(folder))
	if _, err := os.Stat(path); err == nil {
		return path
	}
	source := t.TempDir()
	archive, err := exec.CommandContext(t.Context(), "git", "-C", root, "archive", revision).Output()
	if err != nil {
		t.Fatalf("read revision %s: %v", revision, err)
	}
	unpack := exec.CommandContext(t.Context(), "tar", "-x", "-C", source)
	unpack.Stdin = bytes.NewReader(archive)
	if out, err := unpack.CombinedOutput(); err != nil {
		t.Fatalf("unpack revision %s: %v\n%s", revision, err, out)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	// Under its name only when it is whole: another test may look at once.
	part := fmt.Sprintf("%s.%d", path, os.Getpid())
	build := exec.CommandContext(t.Context(), "go", "build", "-o", part, "./"+filepath.ToSlash(folder))
	build.Dir = source
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build revision %s: %v\n%s", revision, err, out)
	}
	if err := os.Rename(part, path); err != nil {
		t.Fatal(err)
	}
	return path
}
