package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
)

// ErrTopic is matched by errors about topics that are missing or not as they
// must be; the text says which, how, and the fix.
var ErrTopic = errors.New("topic not as it must be")

// TopicID identifies one incarnation of a topic (KIP-516): a topic that was
// deleted and created again has another.
type TopicID [16]byte

// Epoch is the first 32 bits of the ID, for comparing incarnations of one
// topic. It is never 0, so that a cursor of 0.0 stays the one before everything.
func (id TopicID) Epoch() uint32 {
	return max(uint32(id[0])<<24|uint32(id[1])<<16|uint32(id[2])<<8|uint32(id[3]), 1)
}

// TopicInfo is what the brokers say of a topic.
type TopicInfo struct {
	ID         TopicID
	Partitions int
}

// Topics creates and inspects topics. Close it after use.
type Topics struct {
	Client sarama.Client
	Admin  sarama.ClusterAdmin
}

// connectTimeout bounds each connecting to a broker and each of its answers,
// and all attempts to find one that answers: sarama's defaults let a host that
// drops packets, or that is no Kafka broker, hold it for minutes.
const connectTimeout = 5 * time.Second

// OpenTopics connects to the brokers. It takes some seconds at the most to find
// that none of them answers.
func OpenTopics(cfg Config) (*Topics, error) {
	sc, err := cfg.Sarama()
	if err != nil {
		return nil, err
	}
	sc.Net.DialTimeout, sc.Net.ReadTimeout, sc.Net.WriteTimeout = connectTimeout, connectTimeout, connectTimeout
	sc.Metadata.Timeout = connectTimeout
	return OpenTopicsOn(cfg.Brokers, sc)
}

func OpenTopicsOn(brokers []string, sc *sarama.Config) (*Topics, error) {
	client, err := sarama.NewClient(brokers, sc)
	if err != nil {
		return nil, fmt.Errorf("connect to kafka at %s: %w", strings.Join(brokers, ","), err)
	}
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connect to kafka: %w", err), client.Close())
	}
	return &Topics{Client: client, Admin: admin}, nil
}

// Close ends the connections.
func (t *Topics) Close() error { return t.Admin.Close() }

// Brokers is the number of brokers in the cluster.
func (t *Topics) Brokers() (int, error) {
	brokers, _, err := t.Admin.DescribeCluster()
	if err != nil {
		return 0, fmt.Errorf("describe cluster: %w", err)
	}
	return len(brokers), nil
}

// Info returns what the brokers say of those topics; a topic that does not
// exist is an error that matches [ErrTopic].
func (t *Topics) Info(names ...string) (map[string]TopicInfo, error) {
	infos, err := t.Lookup(names)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if _, ok := infos[name]; !ok {
			return nil, fmt.Errorf("%w: %s does not exist: create it with \"belfry topics\"", ErrTopic, name)
		}
	}
	return infos, nil
}

// Existing returns those of the topics that exist; without names, all that the
// cluster has and that may be seen.
func (t *Topics) Existing(names ...string) (map[string]TopicInfo, error) { return t.Lookup(names) }

// Lookup leaves out what does not exist.
func (t *Topics) Lookup(names []string) (map[string]TopicInfo, error) {
	response, err := t.Metadata(names)
	if err != nil {
		return nil, err
	}
	infos := make(map[string]TopicInfo, len(names))
	for _, topic := range response.Topics {
		switch {
		case errors.Is(topic.Err, sarama.ErrUnknownTopicOrPartition):
		case len(names) == 0 && topic.Err != sarama.ErrNoError:
			// One of all that is being made or deleted, or may not be seen.
		case topic.Err != sarama.ErrNoError:
			return nil, fmt.Errorf("look up topic %s: %w", topic.Name, topic.Err)
		default:
			infos[topic.Name] = TopicInfo{ID: TopicID(topic.Uuid), Partitions: len(topic.Partitions)}
		}
	}
	return infos, nil
}

// Metadata asks one broker after the other until one answers: that a connection
// is dead, since the broker was started again, or that its broker is down, shows
// only when it is used.
func (t *Topics) Metadata(names []string) (*sarama.MetadataResponse, error) {
	last := error(sarama.ErrOutOfBrokers)
	ask := func(broker *sarama.Broker) *sarama.MetadataResponse {
		if err := broker.Open(t.Client.Config()); err != nil && !errors.Is(err, sarama.ErrAlreadyConnected) {
			last = err
			return nil
		}
		response, err := broker.GetMetadata(sarama.NewMetadataRequest(t.Client.Config().Version, names))
		if err != nil {
			last = err
			_ = broker.Close() // it may be closed already, which is what is wanted
			return nil
		}
		return response
	}
	for range 2 {
		for _, broker := range t.Client.Brokers() {
			if response := ask(broker); response != nil {
				return response, nil
			}
		}
	}
	return nil, fmt.Errorf("look up topics: %w", last)
}

// Change is something [Topics.Ensure] did, in words for people.
type Change string

// Ensure creates the topics that are missing and verifies the others: the
// partition count and every setting of the specification. It changes no topic
// that exists. Mismatches are one error that matches [ErrTopic] and names each.
// Replication 0 means 3, or the number of brokers if that is lower.
//
// Several processes may call it at once: who loses the race to create a topic
// verifies it.
func (t *Topics) Ensure(ctx context.Context, specs []belfry.TopicSpec, replication int) ([]Change, error) {
	replication, err := t.replication(replication)
	if err != nil {
		return nil, err
	}
	names := namesOf(specs)
	infos, err := t.Lookup(names)
	if err != nil {
		return nil, err
	}
	var changes []Change
	var existing []belfry.TopicSpec
	for _, s := range specs {
		if err := ctx.Err(); err != nil {
			return changes, err
		}
		if _, ok := infos[s.Name]; ok {
			existing = append(existing, s)
			continue
		}
		created, err := t.create(s, replication)
		if err != nil {
			return changes, err
		}
		if created {
			changes = append(changes, Change(fmt.Sprintf("created %s with %d partitions, replication %d", s.Name, s.Partitions, replication)))
		} else {
			existing = append(existing, s)
		}
	}
	// Also for who lost the race to create one.
	if len(infos) < len(specs) {
		if err := t.settle(ctx, names); err != nil {
			return changes, err
		}
	}
	return changes, t.Verify(existing)
}

func namesOf(specs []belfry.TopicSpec) []string {
	names := make([]string, len(specs))
	for i, s := range specs {
		names[i] = s.Name
	}
	return names
}

// SettleTimeout bounds how long the brokers may take to know new topics.
const SettleTimeout = 30 * time.Second

// settle waits until every broker knows the topics and their leaders: creating
// a topic is acknowledged before that.
func (t *Topics) settle(ctx context.Context, names []string) error {
	ctx, cancel := context.WithTimeout(ctx, SettleTimeout)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for _, broker := range t.Client.Brokers() {
		if err := broker.Open(t.Client.Config()); err != nil && !errors.Is(err, sarama.ErrAlreadyConnected) {
			return fmt.Errorf("connect to broker %s: %w", broker.Addr(), err)
		}
		for !t.knows(broker, names) {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return fmt.Errorf("wait until broker %s knows the new topics: %w", broker.Addr(), ctx.Err())
			}
		}
	}
	return t.Client.RefreshMetadata(names...)
}

func (t *Topics) knows(broker *sarama.Broker, names []string) bool {
	response, err := broker.GetMetadata(sarama.NewMetadataRequest(t.Client.Config().Version, names))
	if err != nil || len(response.Topics) != len(names) {
		return false
	}
	for _, topic := range response.Topics {
		if topic.Err != sarama.ErrNoError || len(topic.Partitions) == 0 {
			return false
		}
		for _, p := range topic.Partitions {
			if p.Err != sarama.ErrNoError {
				return false
			}
		}
	}
	return true
}

func (t *Topics) replication(wanted int) (int, error) {
	if wanted != 0 {
		return wanted, nil
	}
	brokers, err := t.Brokers()
	return min(3, brokers), err
}

// settings are those that a topic is created with.
func settings(s belfry.TopicSpec, replication int) map[string]string {
	config := maps.Clone(s.Config)
	if config == nil {
		config = map[string]string{}
	}
	if _, ok := config["min.insync.replicas"]; !ok && replication >= 3 {
		// acks=all means two copies at least, and one broker may be down.
		config["min.insync.replicas"] = "2"
	}
	return config
}

func (t *Topics) create(s belfry.TopicSpec, replication int) (bool, error) {
	config := make(map[string]*string, len(s.Config))
	for k, v := range settings(s, replication) {
		config[k] = &v
	}
	err := t.Admin.CreateTopic(s.Name, &sarama.TopicDetail{
		NumPartitions: int32(s.Partitions), ReplicationFactor: int16(replication), ConfigEntries: config,
	}, false)
	switch {
	case errors.Is(err, sarama.ErrTopicAlreadyExists):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("create topic %s: %w", s.Name, err)
	}
	return true, nil
}

// End returns the sum of the end offsets of a topic's partitions: how many
// records were ever written to it.
func (t *Topics) End(topic string) (int64, error) {
	partitions, err := t.Client.Partitions(topic)
	if err != nil {
		return 0, fmt.Errorf("find the partitions of %s: %w", topic, err)
	}
	var sum int64
	for _, p := range partitions {
		end, err := t.Client.GetOffset(topic, p, sarama.OffsetNewest)
		if err != nil {
			return 0, fmt.Errorf("find the end of %s/%d: %w", topic, p, err)
		}
		sum += end
	}
	return sum, nil
}
