package peers

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

//go:embed streams/pom.xml
var streamsPOM []byte

//go:embed streams/InboxPeer.java
var streamsProgram []byte

// Streams is the program on Kafka Streams in one of its forms.
type Streams struct {
	ClassPath string // of [BuildStreams]
	// ExactlyOnce has it process in transactions, otherwise at least once.
	ExactlyOnce bool
	// Memory keeps its stores in memory, otherwise in RocksDB.
	Memory bool
	// Cache puts its record cache before the stores.
	Cache bool
	// OneHop leaves contents in their topic, otherwise the program reads them again.
	OneHop  bool
	Threads int
}

// Command is the program and its arguments: brokers to start with, its application id,
// the topic of JSON notifications, that of contents, and a folder for its state.
func (s Streams) Command(brokers, app, topic, items, dir string) (program string, args []string) {
	guarantee, store, hops := "at_least_once", "rocksdb", 2
	if s.ExactlyOnce {
		guarantee = "exactly_once_v2"
	}
	if s.Memory {
		store = "memory"
	}
	if s.OneHop {
		hops = 1
	}
	return "java", []string{
		"-Xmx1g", "-cp", s.ClassPath, "InboxPeer", "brokers=" + brokers, "app=" + app, "topic=" + topic, "items=" + items, "dir=" + dir,
		"guarantee=" + guarantee, "store=" + store, fmt.Sprintf("cache=%t", s.Cache), fmt.Sprintf("threads=%d", s.Threads), fmt.Sprintf("hops=%d", hops),
	}
}

// BuildStreams compiles the program with javac, and has Maven fetch what it needs, 60 MB, unless
// the user's cache folder has both already. It returns the class path.
func BuildStreams(ctx context.Context) (classPath string, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(append(append([]byte{}, streamsPOM...), streamsProgram...))
	home := filepath.Join(cache, "belfry", fmt.Sprintf("streams-%x", sum[:6]))
	classPath = filepath.Join(home, "lib", "*") + string(filepath.ListSeparator) + filepath.Join(home, "classes")
	if _, err := os.Stat(home); !errors.Is(err, fs.ErrNotExist) {
		return classPath, err
	}
	if err := os.MkdirAll(filepath.Dir(home), 0o755); err != nil {
		return "", fmt.Errorf("make cache folder: %w", err)
	}
	// It gets its name when it is complete.
	work, err := os.MkdirTemp(filepath.Dir(home), "streams-download-")
	if err != nil {
		return "", fmt.Errorf("make cache folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	pom, program := filepath.Join(work, "pom.xml"), filepath.Join(work, "InboxPeer.java")
	if err := errors.Join(os.WriteFile(pom, streamsPOM, 0o644), os.WriteFile(program, streamsProgram, 0o644)); err != nil {
		return "", fmt.Errorf("write the program on Kafka Streams: %w", err)
	}
	for _, command := range [][]string{
		{"mvn", "-q", "-B", "-f", pom, "dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=" + filepath.Join(work, "lib")},
		{"javac", "-d", filepath.Join(work, "classes"), "-cp", filepath.Join(work, "lib", "*"), program},
	} {
		if out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("build the program on Kafka Streams (it takes a JDK and Maven): %s: %w\n%s", command[0], err, out)
		}
	}
	if err := os.Rename(work, home); err != nil && !errors.Is(err, fs.ErrExist) {
		if _, there := os.Stat(home); there != nil { // another process was faster
			return "", fmt.Errorf("put the program on Kafka Streams in place: %w", err)
		}
	}
	return classPath, nil
}
