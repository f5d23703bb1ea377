package kafkatest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/parts"
)

// quick is what makes Java programs start quickly rather than become fast: a
// node of Kafka serves after a quarter of the processor time.
type quick struct {
	flags    []string // of the JVM, for class paths that begin with Jars'
	programs string   // a folder of class files: Produce
}

// archive names the file of Kafka's classes as the JVM has them in memory
// (class-data sharing).
const archive = "classes.jsa"

// quickJava prepares what quick holds, once per user, Kafka and JVM: it compiles
// Produce, and has a node come and go that leaves the archive of its classes.
func quickJava(t testing.TB, classpath string) (quick, error) {
	t.Helper()
	name, err := quickName()
	if err != nil {
		return quick{}, err
	}
	flags := []string{"-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-XX:+IgnoreUnrecognizedVMOptions"}
	lib, err := resolve(t.Context(), name, func(ctx context.Context, lib string) error {
		end, err := parts.Heavy(ctx)
		if err != nil {
			return err
		}
		defer end()
		if err := compileProduce(ctx, classpath, lib); err != nil {
			return err
		}
		return archiveClasses(t, classpath, append(flags, "-XX:ArchiveClassesAtExit="+filepath.Join(lib, archive)))
	})
	if err != nil {
		return quick{}, fmt.Errorf("prepare Java: %w", err)
	}
	return quick{append(flags, "-XX:SharedArchiveFile="+filepath.Join(lib, archive)), lib}, nil
}

// quickName tells all that the prepared folder depends on.
func quickName() (string, error) {
	java, err := exec.LookPath("java")
	if err != nil {
		return "", err
	}
	if java, err = filepath.EvalSymlinks(java); err != nil {
		return "", err
	}
	info, err := os.Stat(java)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %s %s", java, info.Size(), info.ModTime(), produceSource))
	return fmt.Sprintf("kafka-%s-java-%x", Version, sum[:6]), nil
}

func compileProduce(ctx context.Context, classpath, lib string) error {
	source := filepath.Join(filepath.Dir(lib), "Produce.java")
	if err := os.WriteFile(source, produceSource, 0o644); err != nil {
		return fmt.Errorf("write source of Java producer: %w", err)
	}
	out, err := exec.CommandContext(ctx, "javac", "-encoding", "UTF-8", "-cp", classpath, "-d", lib, source).CombinedOutput()
	if err != nil {
		return fmt.Errorf("compile Java producer: %w\n%s", err, tail(out, 20))
	}
	return nil
}

// archiveClasses runs a node with those flags until it serves.
func archiveClasses(t testing.TB, classpath string, flags []string) error {
	c := newCluster(t, Config{Nodes: 1, HeapMB: 512}, classpath, nil)
	n := c.nodes[0]
	if err := n.format(t.Context(), newClusterID(), c.properties(n, nil), nil); err != nil {
		return err
	}
	n.flags = flags
	if err := n.start(); err != nil {
		return err
	}
	if err := n.await(t.Context()); err != nil {
		_ = n.process.Kill()
		return err
	}
	_, err := n.process.Stop(await.Patience)
	return err
}
