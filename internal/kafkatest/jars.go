package kafkatest

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/parts"
)

// Version is the Apache Kafka that Start runs; java/pom.xml names the same.
const Version = "4.3.1"

// resolveTimeout bounds a first download, of 55 MB at most.
const resolveTimeout = 10 * time.Minute

// downloads begins the names of folders with unfinished downloads.
const downloads = "download-"

//go:embed java/pom.xml
var pom []byte

// Jars gives the Java class path ("dir/*") of Kafka's broker and clients. The
// jars are fetched by Maven once per user and version into the user's cache
// folder; parallel test processes wait for the one that fetches. The test is
// skipped unless "kafka" is named.
func Jars(t testing.TB) string {
	t.Helper()
	parts.Need(t, "kafka")
	lib, err := resolve(t.Context(), "kafka-"+Version, func(ctx context.Context, lib string) error { return mavenJars(ctx, pom, lib) })
	if err != nil {
		t.Fatalf("get Kafka: %v", err)
	}
	return filepath.Join(lib, "*")
}

// resolve gives a folder of the user's cache, which fetch fills if it isn't
// there. The folder gets its name when it is complete, so that what a killed
// download has left is never used. The name tells all that the content depends
// on.
func resolve(ctx context.Context, name string, fetch func(ctx context.Context, lib string) error) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	home := filepath.Join(cache, "belfry", name)
	lib := filepath.Join(home, "lib")
	if exists(lib) {
		return lib, nil
	}
	if err := os.MkdirAll(home, 0o755); err != nil {
		return "", fmt.Errorf("create cache folder: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(home, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", fmt.Errorf("open lock of cache folder: %w", err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", fmt.Errorf("lock cache folder %s: %w", home, err)
	}
	if exists(lib) {
		return lib, nil
	}
	// A killed download may have left a folder; the lock says that none is under way.
	if err := removeAll(filepath.Join(home, downloads+"*")); err != nil {
		return "", fmt.Errorf("remove old download: %w", err)
	}
	work, err := os.MkdirTemp(home, downloads)
	if err != nil {
		return "", fmt.Errorf("create download folder: %w", err)
	}
	defer os.RemoveAll(work)
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	if err := fetch(ctx, filepath.Join(work, "lib")); err != nil {
		return "", err
	}
	if err := os.Rename(filepath.Join(work, "lib"), lib); err != nil {
		return "", fmt.Errorf("put download in place: %w", err)
	}
	return lib, nil
}

// mavenJars copies what a POM depends on into a folder that it makes.
func mavenJars(ctx context.Context, pom []byte, lib string) error {
	file := filepath.Join(filepath.Dir(lib), "pom.xml")
	if err := os.WriteFile(file, pom, 0o644); err != nil {
		return fmt.Errorf("write pom: %w", err)
	}
	return fetchWith(ctx, "mvn", "-q", "-B", "-f", file, "dependency:copy-dependencies",
		"-DincludeScope=runtime", "-DoutputDirectory="+lib)
}

func fetchWith(ctx context.Context, command string, args ...string) error {
	cmd := exec.CommandContext(ctx, command, args...)
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("fetch with %s: %w\n%s", command, err, tail(out, 20))
	}
	return nil
}

func removeAll(pattern string) error {
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, os.ErrNotExist)
}

// tail gives the last n lines.
func tail(text []byte, n int) string {
	lines := strings.Split(string(bytes.TrimSpace(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
