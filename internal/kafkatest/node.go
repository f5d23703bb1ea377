package kafkatest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry/internal/child"
)

// node is one Kafka server: what it is made of, and its process, nil before
// the first start.
type node struct {
	id         int
	dir        string
	port       int
	controller int
	heapMB     int
	flags      []string // of the JVM
	classpath  string
	logging    string
	process    *child.Process
}

func (n *node) addr() string    { return fmt.Sprintf("127.0.0.1:%d", n.port) }
func (n *node) config() string  { return filepath.Join(n.dir, "server.properties") }
func (n *node) logFile() string { return filepath.Join(n.dir, "log") }

// format writes the settings and prepares the data folder (KRaft's format, with
// more arguments to it).
func (n *node) format(ctx context.Context, clusterID, properties string, more []string) error {
	if err := os.MkdirAll(n.dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(n.config(), []byte(properties), 0o644); err != nil {
		return err
	}
	args := append(slices.Clone(n.flags), "-Xmx128m", "-cp", n.classpath,
		"-Dlog4j2.configurationFile=file:"+n.logging, "kafka.tools.StorageTool", "format", "-t", clusterID, "-c", n.config())
	cmd := exec.CommandContext(ctx, "java", append(args, more...)...)
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, tail(out, 20))
	}
	return nil
}

// start starts the server; it answers a few seconds later.
func (n *node) start() error {
	heap := fmt.Sprintf("%dm", n.heapMB)
	args := append(slices.Clone(n.flags), "-Xms"+heap, "-Xmx"+heap, "-Djava.awt.headless=true",
		"-Dlog4j2.configurationFile=file:"+n.logging, "-cp", n.classpath, "kafka.Kafka", n.config())
	p, err := child.Start(n.logFile(), "java", args...)
	if err != nil {
		return err
	}
	n.process = p
	return nil
}

// serves asks the node itself for the live brokers: nil means that it and at
// least want in all are among them.
func (n *node) serves(want int) error {
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V3_6_0_0
	cfg.Net.DialTimeout = time.Second
	cfg.Net.ReadTimeout = 2 * time.Second
	b := sarama.NewBroker(n.addr())
	if err := b.Open(cfg); err != nil {
		return err
	}
	defer b.Close()
	md, err := b.GetMetadata(sarama.NewMetadataRequest(cfg.Version, []string{}))
	if err != nil {
		return err
	}
	found := false
	for _, other := range md.Brokers {
		found = found || other.ID() == int32(n.id)
	}
	if !found || len(md.Brokers) < want {
		return fmt.Errorf("knows %d brokers, want %d, itself among them: %t", len(md.Brokers), want, found)
	}
	return nil
}

func (n *node) logTail() string {
	text, err := os.ReadFile(n.logFile())
	if err != nil {
		return err.Error()
	}
	return tail(text, 30)
}
