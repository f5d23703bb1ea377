package buildtest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/belfry/belfry/internal/parts"
)

// Program builds the command in a folder of the module, such as "cmd/belfry",
// and returns a path that lasts as long as the test. All tests of a test binary
// get the same build. Packages that are tested one after the other, or later,
// link it once, as long as no source has changed. Program is safe for
// concurrent use.
func Program(t testing.TB, folder string) string {
	t.Helper()
	built, err := build(folder)
	if err != nil {
		t.Fatalf("build %s: %v", folder, err)
	}
	// A link of the test's own: a build of later sources replaces the other.
	path := filepath.Join(t.TempDir(), filepath.Base(folder))
	if err := os.Link(built, path); err == nil {
		return path
	}
	return built
}

var builds sync.Map // of func() (string, error), by folder

func build(folder string) (string, error) {
	once, _ := builds.LoadOrStore(folder, sync.OnceValues(func() (string, error) { return buildOnce(folder) }))
	return once.(func() (string, error))()
}

// buildOnce builds into a folder of the user's cache that belongs to this
// checkout: go build leaves a program alone that is up to date.
func buildOnce(folder string) (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "belfry", fmt.Sprintf("programs-%x", sha256.Sum256([]byte(root)))[:24])
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", err
	}
	defer lock.Close() // frees the lock
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	path := filepath.Join(dir, filepath.Base(folder))
	// Not with the context of a test: it is for all.
	end, err := parts.Heavy(context.Background())
	if err != nil {
		return "", err
	}
	defer end()
	cmd := exec.Command("go", "build", "-o", path, "./"+filepath.ToSlash(folder))
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
}

// moduleRoot is the folder of go.mod, at or above the working directory.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("no go.mod above the working directory")
		}
	}
}
