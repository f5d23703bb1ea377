package broker_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry/broker"
	"github.com/belfry/belfry/internal/kafkatest"
)

func TestAppendTime(t *testing.T) {
	t.Parallel()
	b := start(t, broker.Config{})
	createTopic(t, b, "arrival", map[string]string{"message.timestamp.type": "LogAppendTime"})
	sent := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	codecs := []sarama.CompressionCodec{
		sarama.CompressionNone, sarama.CompressionGZIP, sarama.CompressionSnappy, sarama.CompressionLZ4, sarama.CompressionZSTD,
	}
	begin := time.Now().Truncate(time.Millisecond)
	n := 0
	for _, codec := range codecs {
		c := kafkatest.ClientConfig()
		c.Producer.Compression = codec
		c.Producer.Flush.Messages = 3
		c.Producer.Flush.Frequency = time.Minute
		var batch []*sarama.ProducerMessage
		for i := range 3 {
			m := text("arrival", codec.String(), fmt.Sprint(n))
			m.Timestamp = sent.Add(time.Duration(i) * time.Hour)
			m.Headers = []sarama.RecordHeader{{Key: []byte("h"), Value: []byte("v")}}
			batch = append(batch, m)
			n++
		}
		produce(t, b, c, batch...)
	}
	end := time.Now()
	for i, m := range consume(t, b, "arrival", n) {
		if m.Timestamp.Before(begin) || m.Timestamp.After(end) {
			t.Errorf("%s record %d has time %v, want one from %v to %v", m.Key, i, m.Timestamp, begin, end)
		}
		if string(m.Value) != fmt.Sprint(i) || len(m.Headers) != 1 || string(m.Headers[0].Value) != "v" {
			t.Errorf("%s record %d came back as %s with headers %v", m.Key, i, m.Value, m.Headers)
		}
	}
}

func TestCreateTimeStays(t *testing.T) {
	t.Parallel()
	b := start(t, broker.Config{})
	createTopic(t, b, "creation", nil)
	m := text("creation", "k", "v")
	m.Timestamp = time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	produce(t, b, kafkatest.ClientConfig(), m)
	if got := consume(t, b, "creation", 1)[0].Timestamp; !got.Equal(m.Timestamp) {
		t.Errorf("time %v, want the producer's %v", got, m.Timestamp)
	}
}

// The stamped batch has a checksum of its own; a broker that reads its folder
// again drops everything from the first wrong one on.
func TestAppendTimeSurvivesRestart(t *testing.T) {
	t.Parallel()
	cfg := broker.Config{DataDir: t.TempDir()}
	b := start(t, cfg)
	createTopic(t, b, "arrival", map[string]string{"message.timestamp.type": "LogAppendTime"})
	old := text("arrival", "k", "1")
	old.Timestamp = time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	produce(t, b, kafkatest.ClientConfig(), old)
	want := consume(t, b, "arrival", 1)[0].Timestamp
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = start(t, cfg)
	produce(t, b, kafkatest.ClientConfig(), text("arrival", "k", "2"))
	if got := consume(t, b, "arrival", 2)[0].Timestamp; !got.Equal(want) {
		t.Errorf("time %v after restart, want %v", got, want)
	}
}

// franz-go names the topic by its ID, as kafka-clients 4 does.
func TestAppendTimeByTopicID(t *testing.T) {
	t.Parallel()
	b := start(t, broker.Config{})
	createTopic(t, b, "arrival", map[string]string{"message.timestamp.type": "LogAppendTime"})
	c, err := kgo.NewClient(kgo.SeedBrokers(b.Addrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	begin := time.Now().Truncate(time.Millisecond)
	r := &kgo.Record{Topic: "arrival", Value: []byte("v"), Timestamp: begin.Add(-time.Hour)}
	if err := c.ProduceSync(t.Context(), r).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if got := consume(t, b, "arrival", 1)[0].Timestamp; got.Before(begin) {
		t.Errorf("time %v, want one from %v on", got, begin)
	}
}
