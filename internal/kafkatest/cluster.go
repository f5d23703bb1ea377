package kafkatest

import (
	"crypto/rand"
	_ "embed"
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/parts"
)

// Config says what Start starts.
type Config struct {
	// Nodes is 1 or 3, each both broker and controller; 0 is 1. Of three, each
	// topic has by default three replicas, two of which must be in sync.
	Nodes int

	// Properties are server properties in addition to, or instead of, the
	// helper's own.
	Properties map[string]string

	// HeapMB is the heap of each node in MiB; 0 is 512 for one node and 384
	// for each of three.
	HeapMB int

	// Secure, if not nil, is a further door of the one node.
	Secure *Secure
}

// Cluster is a running Apache Kafka. Nodes are named by Kafka's node.id, 1 to
// Config.Nodes.
type Cluster struct {
	t         testing.TB
	secure    *Secure
	classpath string
	nodes     []*node
}

// endGrace is how long the nodes have to stop when the test ends. Their data
// goes with them, so nothing is lost by killing them.
const endGrace = 3 * time.Second

// startTimeout is how long a node may take until it serves.
const startTimeout = await.Patience

//go:embed java/log4j2.properties
var logConfig []byte

// Start starts Apache Kafka on free loopback ports with its data in a folder
// of the test, and waits until every node answers and knows all others. It
// takes about 3 s for one node and 10 s for three, after waiting for a turn (see
// parts.Heavy); three also wait until other tests' clusters of three have ended. The cluster ends with the test, which
// gets the ends of the nodes' logs if it failed.
//
// Topics are not created automatically; groups rebalance without delay; a
// node that dies is noticed after 3 s.
func Start(t testing.TB, cfg Config) *Cluster {
	t.Helper()
	parts.Need(t, "kafka") // before it waits for its turn
	if cfg.Nodes == 0 {
		cfg.Nodes = 1
	}
	if cfg.Nodes != 1 && cfg.Nodes != 3 {
		t.Fatalf("start Kafka: %d nodes, want 1 or 3", cfg.Nodes)
	}
	if cfg.HeapMB == 0 {
		cfg.HeapMB = 512
		if cfg.Nodes == 3 {
			cfg.HeapMB = 384
		}
	}
	if cfg.Nodes > 1 {
		awaitTurn(t)
	}
	if cfg.Secure != nil && cfg.Nodes != 1 {
		t.Fatalf("start Kafka: %d nodes with a secure door, want 1", cfg.Nodes)
	}
	classpath := Jars(t)
	java, err := quickJava(t, classpath)
	if err != nil {
		t.Fatal(err)
	}
	c := newCluster(t, cfg, classpath, java.flags)
	clusterID := newClusterID()
	t.Cleanup(c.end)
	var more []string
	if c.secure != nil {
		more = c.secure.formatArgs()
	}
	end, err := parts.Heavy(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	c.each("format", func(n *node) error { return n.format(t.Context(), clusterID, c.properties(n, cfg.Properties), more) })
	c.each("start", (*node).start)
	for _, n := range c.nodes {
		c.await(n, cfg.Nodes)
	}
	return c
}

// newCluster makes the nodes, which are yet to be formatted and started.
func newCluster(t testing.TB, cfg Config, classpath string, flags []string) *Cluster {
	t.Helper()
	c := &Cluster{t: t, secure: cfg.Secure, classpath: classpath}
	dir := t.TempDir()
	logging := filepath.Join(dir, "log4j2.properties")
	if err := os.WriteFile(logging, logConfig, 0o644); err != nil {
		t.Fatalf("write log settings: %v", err)
	}
	for id := 1; id <= cfg.Nodes; id++ {
		c.nodes = append(c.nodes, &node{
			id:         id,
			dir:        filepath.Join(dir, fmt.Sprint("node", id)),
			port:       parts.FreePort(t),
			controller: parts.FreePort(t),
			heapMB:     cfg.HeapMB,
			flags:      flags,
			classpath:  classpath,
			logging:    logging,
		})
	}
	return c
}

// Brokers gives the host:port of every node, also of those that are down, in
// order of node.id.
func (c *Cluster) Brokers() []string {
	var addrs []string
	for _, n := range c.nodes {
		addrs = append(addrs, n.addr())
	}
	return addrs
}

// Lib gives the Java class path ("dir/*") of the broker and of kafka-clients,
// for Java programs of tests.
func (c *Cluster) Lib() string { return c.classpath }

// Stop ends a node in good order (SIGTERM) and waits until it is gone. It
// fails the test if it has to be killed after Patience.
func (c *Cluster) Stop(id int) {
	c.t.Helper()
	const grace = await.Patience
	n := c.node(id)
	graceful, err := n.process.Stop(grace)
	if err == nil && !graceful {
		err = fmt.Errorf("killed after %v\n%s", grace, n.logTail())
	}
	c.check("stop", n, err)
}

// Kill ends a node by SIGKILL and waits until it is gone.
func (c *Cluster) Kill(id int) {
	c.t.Helper()
	n := c.node(id)
	c.check("kill", n, n.process.Kill())
}

// Pause halts a node (SIGSTOP): it keeps its connections and answers nothing
// until Resume.
func (c *Cluster) Pause(id int) {
	c.t.Helper()
	n := c.node(id)
	c.check("pause", n, n.process.Pause())
}

// Resume lets a paused node go on.
func (c *Cluster) Resume(id int) {
	c.t.Helper()
	n := c.node(id)
	c.check("resume", n, n.process.Resume())
}

// Up starts a node that was stopped or killed, on its port and data, and waits
// until it answers and is one of the cluster's live brokers. It has not
// necessarily caught up as a replica by then.
func (c *Cluster) Up(id int) {
	c.t.Helper()
	n := c.node(id)
	if !n.process.Gone() {
		c.t.Fatalf("start Kafka node %d: it runs", id)
	}
	c.check("start", n, n.start())
	c.await(n, 1)
}

// Nodes gives the same control over the nodes to code that is no test.
func (c *Cluster) Nodes() *Nodes { return &Nodes{c} }

// PID gives the process ID of a node, for a test that measures it.
func (c *Cluster) PID(id int) int { return c.node(id).process.PID() }

func (c *Cluster) node(id int) *node {
	c.t.Helper()
	if id < 1 || id > len(c.nodes) {
		c.t.Fatalf("no Kafka node %d, want 1 to %d", id, len(c.nodes))
	}
	return c.nodes[id-1]
}

func (c *Cluster) check(what string, n *node, err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatalf("%s Kafka node %d: %v", what, n.id, err)
	}
}

// each does something with all nodes at once.
func (c *Cluster) each(what string, do func(*node) error) {
	c.t.Helper()
	failed := make([]chan error, len(c.nodes))
	for i, n := range c.nodes {
		failed[i] = make(chan error, 1)
		go func() { failed[i] <- do(n) }()
	}
	errs := make([]error, len(c.nodes))
	for i := range failed {
		errs[i] = <-failed[i]
	}
	for i, err := range errs {
		c.check(what, c.nodes[i], err)
	}
}

// await waits until the node answers and lists itself and at least want
// brokers.
func (c *Cluster) await(n *node, want int) {
	c.t.Helper()
	var last error
	await.Eventually(c.t, startTimeout, func() string {
		return fmt.Sprintf("Kafka node %d serves (%v)\n%s", n.id, last, n.logTail())
	}, func() bool {
		if n.process.Gone() {
			c.t.Fatalf("Kafka node %d ended\n%s", n.id, n.logTail())
		}
		last = n.serves(want)
		return last == nil
	})
}

// end stops what runs, all at once, since the last of three would wait for a
// quorum.
func (c *Cluster) end() {
	failed := c.t.Failed()
	c.each("end", func(n *node) error {
		if n.process == nil {
			return nil
		}
		_, err := n.process.Stop(endGrace)
		return err
	})
	if failed {
		for _, n := range c.nodes {
			c.t.Logf("log of Kafka node %d:\n%s", n.id, n.logTail())
		}
	}
}

// properties gives the node's server properties, one per line.
func (c *Cluster) properties(n *node, extra map[string]string) string {
	replicas, inSync := "1", "1"
	if len(c.nodes) == 3 {
		replicas, inSync = "3", "2"
	}
	var voters []string
	for _, v := range c.nodes {
		voters = append(voters, fmt.Sprintf("%d@127.0.0.1:%d", v.id, v.controller))
	}
	all := map[string]string{
		"process.roles":                                    "broker,controller",
		"node.id":                                          fmt.Sprint(n.id),
		"controller.quorum.voters":                         strings.Join(voters, ","),
		"listeners":                                        fmt.Sprintf("PLAINTEXT://%s,CONTROLLER://127.0.0.1:%d", n.addr(), n.controller),
		"advertised.listeners":                             "PLAINTEXT://" + n.addr(),
		"controller.listener.names":                        "CONTROLLER",
		"listener.security.protocol.map":                   "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
		"inter.broker.listener.name":                       "PLAINTEXT",
		"log.dirs":                                         filepath.Join(n.dir, "data"),
		"default.replication.factor":                       replicas,
		"min.insync.replicas":                              inSync,
		"offsets.topic.replication.factor":                 replicas,
		"offsets.topic.num.partitions":                     "4",
		"transaction.state.log.replication.factor":         replicas,
		"transaction.state.log.min.isr":                    inSync,
		"transaction.state.log.num.partitions":             "4",
		"share.coordinator.state.topic.replication.factor": replicas,
		"share.coordinator.state.topic.min.isr":            inSync,
		"group.initial.rebalance.delay.ms":                 "0",
		// A dead broker holds up acks=all until it is fenced, and can't come back
		// before; the default is 9 s.
		"broker.session.timeout.ms":      "3000",
		"broker.heartbeat.interval.ms":   "500",
		"auto.create.topics.enable":      "false",
		"num.network.threads":            "2",
		"num.io.threads":                 "4",
		"log.cleaner.dedupe.buffer.size": "16777216",
	}
	if c.secure != nil {
		c.secure.addTo(all)
	}
	maps.Copy(all, extra)
	var lines strings.Builder
	for _, k := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&lines, "%s=%s\n", k, all[k])
	}
	return lines.String()
}

// newClusterID makes what Kafka's own random-uuid does, without the second
// that a JVM takes: 16 random bytes in base64, not beginning with a dash, which
// the format tool would take for an option.
func newClusterID() string {
	for {
		var raw [16]byte
		rand.Read(raw[:])
		if id := base64.RawURLEncoding.EncodeToString(raw[:]); id[0] != '-' {
			return id
		}
	}
}

// awaitTurn waits until no other test has a cluster of several nodes: packages
// are tested side by side, and two such clusters at once would test the machine.
func awaitTurn(t testing.TB) {
	t.Helper()
	end, err := parts.Turn(t.Context(), "cluster", 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end)
}
