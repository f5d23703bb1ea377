package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

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

// All are the numbers of the topic's partitions.
func (i TopicInfo) All() []int32 {
	all := make([]int32, i.Partitions)
	for p := range all {
		all[p] = int32(p)
	}
	return all
}

// Topics administers topics and what groups have committed of them. It is safe
// for concurrent use. Close it after use.
//
// A method without a context gives up after some seconds in which no broker answers.
type Topics struct {
	Client  *kgo.Client
	Admin   *kadm.Client
	brokers []string // as they were named
	cfg     Config
}

// connectTimeout bounds each connecting to a broker and each of its answers,
// and all attempts to find one that answers.
const connectTimeout = 5 * time.Second

// OpenTopics connects to the brokers. It takes some seconds at the most to find
// that none of them answers.
func OpenTopics(cfg Config) (*Topics, error) {
	if _, err := cfg.Sarama(); err != nil {
		return nil, err // no client will work with these settings
	}
	client, err := cfg.NewClient("belfry", append(cfg.Inflated(),
		kgo.DisableClientMetrics(),
		kgo.AlwaysRetryEOF(), // a broker that stops looks like one with other TLS settings
		kgo.RequestTimeoutOverhead(connectTimeout),
		kgo.RetryTimeoutFn(func(key int16) time.Duration {
			if kmsg.Key(key) == kmsg.OffsetFetch {
				return connectTimeout // the client asks a coordinator that hangs again and again
			}
			return 3 * connectTimeout
		}),
		// Leaders are looked up for each request.
		kgo.MetadataMinAge(10*time.Millisecond),
	)...)
	if err != nil {
		return nil, err
	}
	if err := reach(client); err != nil {
		client.Close()
		return nil, fmt.Errorf("connect to kafka at %s: %w", strings.Join(cfg.Brokers, ","), err)
	}
	return &Topics{cfg: cfg, Client: client, Admin: kadm.NewClient(client), brokers: cfg.Brokers}, nil
}

// reach waits until one of the brokers answers. They are asked in a random
// order, so that one that does not answer is not the first each time.
func reach(client *kgo.Client) (last error) {
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	brokers := client.SeedBrokers()
	rand.Shuffle(len(brokers), func(i, j int) { brokers[i], brokers[j] = brokers[j], brokers[i] })
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for range 10 {
		for _, b := range brokers {
			_, err := b.Request(ctx, metadataRequest([]string{}))
			if err == nil {
				return nil
			}
			if ctx.Err() != nil && last != nil {
				return last // it says more than that the time is over
			}
			last = err
		}
		<-tick.C
	}
	return last
}

// Close ends the connections.
func (t *Topics) Close() error {
	t.Client.Close()
	return nil
}

// Brokers is the number of brokers in the cluster that are up.
func (t *Topics) Brokers() (int, error) {
	response, err := Metadata(context.Background(), t.Client, []string{})
	if err != nil {
		return 0, fmt.Errorf("describe cluster: %w", err)
	}
	return len(response.Brokers), nil
}

// Info returns what the brokers say of those topics; a topic that does not
// exist is an error that matches [ErrTopic].
func (t *Topics) Info(names ...string) (map[string]TopicInfo, error) {
	infos, err := t.Existing(names...)
	for _, name := range names {
		if _, ok := infos[name]; !ok && err == nil {
			err = t.cfg.Advised(&missingError{name})
		}
	}
	return infos, err
}

// Existing returns those of the topics that exist; without names, all that the
// cluster has and that may be seen.
func (t *Topics) Existing(names ...string) (map[string]TopicInfo, error) {
	return t.Lookup(context.Background(), names)
}

// Lookup returns those of the topics that exist; if names is nil, all that the
// cluster has and that may be seen.
func (t *Topics) Lookup(ctx context.Context, names []string) (map[string]TopicInfo, error) {
	response, err := Metadata(ctx, t.Client, names)
	if err != nil {
		return nil, err
	}
	infos := make(map[string]TopicInfo, len(names))
	for _, topic := range response.Topics {
		switch info, err := infoOf(&topic); {
		case errors.Is(err, kerr.UnknownTopicOrPartition):
		case err == nil:
			infos[*topic.Topic] = info
		case len(names) > 0: // else it is one of all that is being made or deleted, or may not be seen
			return nil, err
		}
	}
	return infos, nil
}

// InfoOf is [Topics.Info] of one topic, for as long as ctx lasts.
func (t *Topics) InfoOf(ctx context.Context, topic string) (TopicInfo, error) {
	info, err := Info(ctx, t.Client, topic)
	return info, t.cfg.Advised(err)
}

// Info is [Topics.Info] of one topic, by another client, and without advice.
func Info(ctx context.Context, client *kgo.Client, topic string) (TopicInfo, error) {
	response, err := Metadata(ctx, client, []string{topic})
	if err != nil {
		return TopicInfo{}, err
	}
	if len(response.Topics) != 1 {
		return TopicInfo{}, fmt.Errorf("look up topic %s: answer with %d topics", topic, len(response.Topics))
	}
	info, err := infoOf(&response.Topics[0])
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		err = &missingError{topic}
	}
	return info, err
}

func infoOf(topic *kmsg.MetadataResponseTopic) (TopicInfo, error) {
	if err := kerr.ErrorForCode(topic.ErrorCode); err != nil {
		return TopicInfo{}, fmt.Errorf("look up topic %s: %w", *topic.Topic, err)
	}
	return TopicInfo{ID: topic.TopicID, Partitions: len(topic.Partitions)}, nil
}

// Metadata asks the brokers themselves, about all topics if names is nil: kadm
// may answer from a cache, which does not know a topic that was just created.
func Metadata(ctx context.Context, client *kgo.Client, names []string) (*kmsg.MetadataResponse, error) {
	response, err := metadataRequest(names).RequestWith(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("look up topics: %w", err)
	}
	return response, nil
}

func metadataRequest(names []string) *kmsg.MetadataRequest {
	r := kmsg.NewPtrMetadataRequest()
	if names != nil {
		r.Topics = []kmsg.MetadataRequestTopic{} // none, where nil is all
	}
	for _, name := range names {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(name)
		r.Topics = append(r.Topics, t)
	}
	return r
}

// Change is something [Topics.Ensure] did, in words for people.
type Change string

// Ensure verifies the topics that exist, the partition count and every setting of
// the specification, and then creates those that are missing. It changes no topic
// that exists, and creates none if one of those is not as it must be: the error is
// [Mismatches] then. Replication 0 means 3, or the number of brokers if that is
// lower.
//
// Several processes may call it at once: who loses the race to create a topic
// verifies it.
func (t *Topics) Ensure(ctx context.Context, specs []belfry.TopicSpec, replication int) ([]Change, error) {
	replication, err := t.replication(replication)
	if err != nil {
		return nil, err
	}
	names := namesOf(specs)
	infos, err := t.Lookup(ctx, names)
	if err != nil {
		return nil, err
	}
	var changes []Change
	var raced []belfry.TopicSpec
	existing, missing := parted(specs, infos)
	if err := t.Verify(existing); err != nil {
		return nil, err
	}
	for _, s := range missing {
		if err := ctx.Err(); err != nil {
			return changes, err
		}
		created, err := t.create(ctx, s, replication)
		if err != nil {
			return changes, err
		}
		if created {
			changes = append(changes, Change(fmt.Sprintf("created %s with %d partitions, replication %d", s.Name, s.Partitions, replication)))
		} else {
			raced = append(raced, s)
		}
	}
	// Also for who lost the race to create one.
	if len(missing) > 0 {
		if err := t.settle(ctx, names); err != nil {
			return changes, err
		}
	}
	return changes, t.Verify(raced)
}

// Missing returns those of the topics that do not exist. Of those that do nothing is asked.
func (t *Topics) Missing(specs []belfry.TopicSpec) ([]belfry.TopicSpec, error) {
	infos, err := t.Lookup(context.Background(), namesOf(specs))
	_, missing := parted(specs, infos)
	return missing, err
}

// parted returns the topics that exist and the others.
func parted(specs []belfry.TopicSpec, infos map[string]TopicInfo) (existing, missing []belfry.TopicSpec) {
	for _, s := range specs {
		if _, ok := infos[s.Name]; ok {
			existing = append(existing, s)
		} else {
			missing = append(missing, s)
		}
	}
	return existing, missing
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
	return t.OnEachBroker(ctx, "knows the new topics", func(ctx context.Context, broker *kgo.Broker) (bool, error) {
		topics, err := MetadataFrom(ctx, broker, names...)
		if err != nil || len(topics) != len(names) {
			return false, err
		}
		for _, topic := range topics {
			if topic.ErrorCode != 0 || len(topic.Partitions) == 0 {
				return false, nil
			}
			for _, p := range topic.Partitions {
				if p.ErrorCode != 0 {
					return false, nil
				}
			}
		}
		return true, nil
	})
}

// MetadataFrom returns what one broker says of topics.
func MetadataFrom(ctx context.Context, broker *kgo.Broker, names ...string) ([]kmsg.MetadataResponseTopic, error) {
	answer, err := broker.Request(ctx, metadataRequest(names))
	if err != nil {
		return nil, err
	}
	return answer.(*kmsg.MetadataResponse).Topics, nil
}

// OnEachBroker waits until ok holds for every broker that is up, for
// [SettleTimeout] at the most. A failure to ask is one only when the time is
// over.
func (t *Topics) OnEachBroker(ctx context.Context, what string, ok func(context.Context, *kgo.Broker) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, SettleTimeout)
	defer cancel()
	up, err := Metadata(ctx, t.Client, []string{})
	if err != nil {
		return err
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for _, b := range up.Brokers {
		for {
			done, err := ok(ctx, t.Client.Broker(int(b.NodeID)))
			if done && err == nil {
				break
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return errors.Join(fmt.Errorf("wait until broker %s:%d %s: %w", b.Host, b.Port, what, ctx.Err()), err)
			}
		}
	}
	return nil
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

func (t *Topics) create(ctx context.Context, s belfry.TopicSpec, replication int) (bool, error) {
	config := make(map[string]*string, len(s.Config))
	for k, v := range settings(s, replication) {
		config[k] = &v
	}
	created, err := t.Admin.CreateTopic(ctx, int32(s.Partitions), int16(replication), config, s.Name)
	switch {
	case errors.Is(err, kerr.TopicAlreadyExists):
		return false, nil
	case err != nil && created.ErrMessage != "":
		return false, fmt.Errorf("create topic %s: %w: %s", s.Name, err, created.ErrMessage)
	case err != nil:
		return false, fmt.Errorf("create topic %s: %w", s.Name, err)
	}
	return true, nil
}
