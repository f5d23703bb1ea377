package broker_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry/broker"
	"github.com/belfry/belfry/internal/kafkatest"
)

func TestProduceConsume(t *testing.T) {
	t.Parallel()
	b := start(t, broker.Config{})
	createTopic(t, b, "events", nil)
	produce(t, b, kafkatest.ClientConfig(), text("events", "사용자-7", "하나"), text("events", "user-7", "two"))

	var got []string
	for _, m := range consume(t, b, "events", 2) {
		got = append(got, string(m.Key)+"="+string(m.Value))
	}
	if want := []string{"사용자-7=하나", "user-7=two"}; !slices.Equal(got, want) {
		t.Errorf("consumed %q, want %q", got, want)
	}
}

func TestOneNode(t *testing.T) {
	b := start(t, broker.Config{})
	nodes, _, err := admin(t, b).DescribeCluster()
	if err != nil {
		t.Fatal(err)
	}
	if len(nodes) != 1 || nodes[0].Addr() != b.Addrs()[0] {
		t.Errorf("cluster has %d nodes, want the one at %v", len(nodes), b.Addrs())
	}
}

func TestNoTopicByItself(t *testing.T) {
	t.Parallel()
	b := start(t, broker.Config{})
	c, err := sarama.NewClient(b.Addrs(), kafkatest.ClientConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Partitions("never-made"); !errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
		t.Errorf("partitions of a topic nobody made: %v, want %v", err, sarama.ErrUnknownTopicOrPartition)
	}
}

func TestStartRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	newer := filepath.Join(dir, "newer")
	if err := os.Mkdir(newer, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(newer, "meta.json"), []byte(`{"version":99}`), 0o600); err != nil {
		t.Fatal(err)
	}

	tests := []struct {
		name string
		cfg  broker.Config
		want string
		is   error
	}{
		{"port in use", broker.Config{Addr: taken.Addr().String()}, taken.Addr().String(), syscall.EADDRINUSE},
		{"no port", broker.Config{Addr: "localhost"}, "missing port", nil},
		{"port too high", broker.Config{Addr: "127.0.0.1:70000"}, "70000", nil},
		{"wildcard", broker.Config{Addr: "0.0.0.0:0"}, "must name one host", nil},
		{"wildcard IPv6", broker.Config{Addr: "[::]:0"}, "must name one host", nil},
		{"data folder is a file", broker.Config{Addr: "127.0.0.1:0", DataDir: file}, file, syscall.ENOTDIR},
		{"data of a newer version", broker.Config{Addr: "127.0.0.1:0", DataDir: newer}, "newer than supported", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := broker.Start(tt.cfg)
			if err == nil {
				b.Close()
				t.Fatal("started")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q doesn't say %q", err, tt.want)
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("error %q is not %q", err, tt.is)
			}
		})
	}
}

func TestEmptyHostIsLoopback(t *testing.T) {
	b := start(t, broker.Config{Addr: ":0"})
	host, _, err := net.SplitHostPort(b.Addrs()[0])
	if err != nil || host != "127.0.0.1" {
		t.Errorf("address %v (%v), want host 127.0.0.1", b.Addrs(), err)
	}
}

func TestCloseTwice(t *testing.T) {
	b := start(t, broker.Config{DataDir: t.TempDir()})
	for range 2 {
		if err := b.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if _, err := net.Dial("tcp", b.Addrs()[0]); err == nil {
		t.Error("still listens after close")
	}
}

func TestCloseReportsWhatItCouldNotSave(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b, err := broker.Start(broker.Config{Addr: "127.0.0.1:0", DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	// A folder where a file has to go: also root can't write that.
	if err := os.MkdirAll(filepath.Join(dir, "groups.log.tmp", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err == nil || !strings.Contains(err.Error(), "groups.log") {
		t.Errorf("close: %v, want an error that names groups.log", err)
	}
}
