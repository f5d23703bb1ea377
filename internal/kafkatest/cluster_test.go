package kafkatest_test

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/parts"
)

func clientConfig() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.V3_6_0_0
	c.Metadata.Retry.Max = 0
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Return.Successes = true
	c.Producer.Retry.Max = 100
	c.Producer.Retry.Backoff = 100 * time.Millisecond
	return c
}

func connect(brokers []string) (sarama.ClusterAdmin, error) {
	return sarama.NewClusterAdmin(brokers, clientConfig())
}

func createTopic(t *testing.T, brokers []string, name string, partitions int32) {
	t.Helper()
	a, err := connect(brokers)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	defer a.Close()
	detail := &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: -1}
	if err := a.CreateTopic(name, detail, false); err != nil {
		t.Fatalf("create topic %s: %v", name, err)
	}
	// It is acknowledged before every broker knows of it.
	for _, addr := range brokers {
		await.Eventually(t, await.Patience, func() string { return addr + " doesn't know the topic" }, func() bool {
			client, err := sarama.NewClient([]string{addr}, clientConfig())
			if err != nil {
				return false
			}
			defer client.Close()
			_, err = client.Leader(name, partitions-1)
			return err == nil
		})
	}
}

// values gives the first n values of partition 0.
func values(t *testing.T, brokers []string, topic string, n int) []string {
	t.Helper()
	var got []string
	for _, m := range kafkatest.Consume(t, brokers, topic, n, 0) {
		key := kafkatest.Null
		if m.Key != nil {
			key = string(m.Key)
		}
		got = append(got, key+"="+string(m.Value))
	}
	return got
}

func TestOneNode(t *testing.T) {
	if testing.Short() {
		t.Skip("starts real brokers")
	}
	t.Parallel()
	var pid int
	t.Run("serves", func(t *testing.T) {
		c := kafkatest.Start(t, kafkatest.Config{})
		createTopic(t, c.Brokers(), "events", 1)
		records := [][2]string{{"사용자-7", "하나"}, {kafkatest.Null, "tab\tin value"}}
		if err := kafkatest.JavaProduce(t, c.Brokers(), "events", records); err != nil {
			t.Fatal(err)
		}
		want := []string{"사용자-7=하나", kafkatest.Null + "=tab\tin value"}
		if got := values(t, c.Brokers(), "events", 2); !slices.Equal(got, want) {
			t.Errorf("consumed %q, want %q", got, want)
		}
		c.Kill(1)
		if _, err := connect(c.Brokers()); err == nil {
			t.Error("a killed node answers")
		}
		c.Up(1)
		if got := values(t, c.Brokers(), "events", 2); !slices.Equal(got, want) {
			t.Errorf("after kill and restart consumed %q, want %q", got, want)
		}
		pid = c.PID(1)
	})
	if pid != 0 && !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		t.Errorf("node with process ID %d outlives its test", pid)
	}
}

func TestThreeNodes(t *testing.T) {
	if testing.Short() {
		t.Skip("starts real brokers")
	}
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.Config{Nodes: 3})
	createTopic(t, c.Brokers(), "events", 1)
	cfg := clientConfig()
	p, err := sarama.NewSyncProducer(c.Brokers(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var want []string
	send := func(value string) {
		t.Helper()
		m := &sarama.ProducerMessage{Topic: "events", Key: sarama.StringEncoder("k"), Value: sarama.StringEncoder(value)}
		if _, _, err := p.SendMessage(m); err != nil {
			t.Fatalf("produce %s: %v", value, err)
		}
		want = append(want, "k="+value)
	}
	send("all up")
	c.Pause(1)
	c.Resume(1)
	c.Kill(1)
	send("one killed")
	c.Up(1)
	// A replica that isn't back in sync would leave the next step without two.
	inSync := 0
	await.Eventually(t, await.Patience, func() string { return fmt.Sprintf("3 replicas in sync, got %d", inSync) }, func() bool {
		inSync = replicasInSync(t, c.Brokers(), "events")
		return inSync == 3
	})
	c.Stop(2)
	send("another stopped")
	if got := values(t, c.Brokers(), "events", len(want)); !slices.Equal(got, want) {
		t.Errorf("consumed %q, want %q", got, want)
	}
}

func replicasInSync(t *testing.T, brokers []string, topic string) int {
	t.Helper()
	a, err := connect(brokers)
	if err != nil {
		return 0
	}
	defer a.Close()
	md, err := a.DescribeTopics([]string{topic})
	if err != nil || len(md) != 1 || len(md[0].Partitions) != 1 {
		return 0
	}
	return len(md[0].Partitions[0].Isr)
}

// A node that can't start says why.
func TestNodeThatEnds(t *testing.T) {
	kafkatest.Jars(t) // or skip: the probe would take that for a start
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	tests := []struct {
		name, key, value, want string
	}{
		{"refused setting", "num.io.threads", "-1", "num.io.threads"},
		{"port in use", "listeners", "PLAINTEXT://127.0.0.1:1,CONTROLLER://" + taken.Addr().String(), "Address already in use"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &parts.Probe{TB: t}
			p.Run(func() {
				kafkatest.Start(p, kafkatest.Config{Properties: map[string]string{tt.key: tt.value}})
			})
			if !strings.Contains(p.Failing, tt.want) {
				t.Errorf("failure %q doesn't say %q", p.Failing, tt.want)
			}
		})
	}
}
