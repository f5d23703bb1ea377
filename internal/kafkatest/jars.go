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
)

// Version is the Apache Kafka that Start runs; java/pom.xml names the same.
const Version = "4.3.1"

// resolveTimeout bounds the first download, about 55 MB.
const resolveTimeout = 10 * time.Minute

// downloads begins the names of folders with unfinished downloads.
const downloads = "download-"

//go:embed java/pom.xml
var pom []byte

// Jars gives the Java class path ("dir/*") of Kafka's broker and clients. The
// jars are fetched by Maven once per user and version into the user's cache
// folder; parallel test processes wait for the one that fetches. Without Java
// or the jars the test ends as Missing says.
func Jars(t testing.TB) string {
	t.Helper()
	for _, tool := range []string{"java", "javac"} {
		if _, err := exec.LookPath(tool); err != nil {
			Missing(t, "kafka", err.Error())
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		Missing(t, "kafka", err.Error())
	}
	lib, err := resolve(t.Context(), filepath.Join(cache, "belfry"))
	if err != nil {
		Missing(t, "kafka", err.Error())
	}
	return filepath.Join(lib, "*")
}

// resolve gives the folder with the jars, which it fetches if it isn't there.
// The folder gets its name when it is complete, so that what a killed download
// has left is never used.
func resolve(ctx context.Context, cache string) (string, error) {
	home := filepath.Join(cache, "kafka-"+Version)
	lib := filepath.Join(home, "lib")
	if exists(lib) {
		return lib, nil
	}
	if err := os.MkdirAll(home, 0o755); err != nil {
		return "", fmt.Errorf("create jar folder: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(home, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", fmt.Errorf("open lock of jar folder: %w", err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", fmt.Errorf("lock jar folder %s: %w", home, err)
	}
	if exists(lib) {
		return lib, nil
	}
	// What a killed download has left; the lock says that none is under way.
	if err := removeAll(filepath.Join(home, downloads+"*")); err != nil {
		return "", fmt.Errorf("remove old download: %w", err)
	}
	work, err := os.MkdirTemp(home, downloads)
	if err != nil {
		return "", fmt.Errorf("create download folder: %w", err)
	}
	defer os.RemoveAll(work)
	if err := download(ctx, work); err != nil {
		return "", err
	}
	if err := os.Rename(filepath.Join(work, "lib"), lib); err != nil {
		return "", fmt.Errorf("put jars in place: %w", err)
	}
	return lib, nil
}

func download(ctx context.Context, work string) error {
	file := filepath.Join(work, "pom.xml")
	if err := os.WriteFile(file, pom, 0o644); err != nil {
		return fmt.Errorf("write pom: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "mvn", "-q", "-B", "-f", file, "dependency:copy-dependencies",
		"-DincludeScope=runtime", "-DoutputDirectory="+filepath.Join(work, "lib"))
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("fetch Kafka %s with mvn: %w\n%s", Version, err, tail(out, 20))
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
