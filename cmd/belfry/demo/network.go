package demo

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/options"
	"github.com/belfry/belfry/responder"
)

// The topics of the social network, as docs/rules/social.yaml has them.
const (
	topicComments = "v1.event.comment-created"
	topicDeleted  = "v1.event.comment-deleted"
	topicJoined   = "v1.event.user-joined"
)

// author writes a post, and does not look whether somebody comments.
func author() belfry.Actor { return belfry.Actor{ID: "noor", Name: "Noor Haddad"} }

// network is the back end of a social network: it talks to others over Kafka alone. It
// has its users' devices told by request and reply, and its events are its own.
type network struct {
	devices []*device
	client  *kgo.Client
	asking  sync.Mutex // requests are asked one after the other
	joined  bool       // guarded by asking

	mu      sync.Mutex
	answers map[string]chan []byte // by correlation id
	made    int
}

// exchanged is one request with its answer.
type exchanged struct {
	Device  string          `json:"device"`
	Request json.RawMessage `json:"request"`
	Answer  json.RawMessage `json:"answer"`
}

// openNetwork returns the network, whose topics it creates where they are missing. The
// caller runs it and closes it.
func openNetwork(ctx context.Context, cfg kafka.Config, devices []*device) (*network, error) {
	topics, err := options.OpenTopics(cfg)
	if err != nil {
		return nil, err
	}
	defer topics.Close()
	var own []belfry.TopicSpec
	for _, name := range []string{topicComments, topicDeleted, topicJoined} {
		own = append(own, belfry.TopicSpec{Name: name, Partitions: partitions})
	}
	if _, err := topics.Ensure(ctx, own, 1); err != nil {
		return nil, fmt.Errorf("topics of the demo's social network: %w", err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(cfg.Brokers...), kgo.ConsumeTopics(belfry.DefaultReplyTopic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return nil, fmt.Errorf("connect the demo's social network: %w", err)
	}
	return &network{devices: devices, client: client, answers: map[string]chan []byte{}}, nil
}

func (n *network) close() { n.client.Close() }

// run takes answers until ctx ends.
func (n *network) run(ctx context.Context) {
	for ctx.Err() == nil {
		n.client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			for _, h := range r.Headers {
				if h.Key != responder.HeaderCorrelation {
					continue
				}
				n.mu.Lock()
				waits := n.answers[string(h.Value)]
				delete(n.answers, string(h.Value))
				n.mu.Unlock()
				if waits != nil {
					waits <- r.Value
				}
			}
		})
	}
}

// ask writes a request and waits for its answer.
func (n *network) ask(ctx context.Context, user string, request []byte) ([]byte, error) {
	id := rand.Text()
	answer := make(chan []byte, 1)
	n.mu.Lock()
	n.answers[id] = answer
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.answers, id)
	}()
	record := &kgo.Record{
		Topic: belfry.DefaultRequestTopic, Key: []byte(user), Value: request,
		Headers: []kgo.RecordHeader{{Key: responder.HeaderCorrelation, Value: []byte(id)}, {Key: responder.HeaderReplyTopic, Value: []byte(belfry.DefaultReplyTopic)}},
	}
	if err := n.client.ProduceSync(ctx, record).FirstErr(); err != nil {
		return nil, fmt.Errorf("ask over Kafka: %w", err)
	}
	select {
	case text := <-answer:
		return text, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("no answer over Kafka: %w", ctx.Err())
	}
}

// subscribe has the author's devices told. Once they are, it changes nothing.
func (n *network) subscribe(ctx context.Context) ([]exchanged, error) {
	n.asking.Lock()
	defer n.asking.Unlock()
	who := author()
	if !n.joined {
		if err := n.emit(ctx, topicJoined, who.ID, map[string]any{"userId": who.ID, "nickname": who.Name, "joinedAt": time.Now().UTC()}); err != nil {
			return nil, err
		}
		n.joined = true
	}
	var all []exchanged
	for _, d := range n.devices {
		request, err := json.Marshal(map[string]any{
			"recipient": who.ID, "action": "subscribe",
			"subscription": map[string]any{"endpoint": d.Endpoint, "keys": map[string]string{"p256dh": d.P256dh, "auth": d.Auth}},
		})
		if err != nil {
			return nil, fmt.Errorf("encode a request: %w", err)
		}
		answer, err := n.ask(ctx, who.ID, request)
		if err != nil {
			return nil, err
		}
		all = append(all, exchanged{d.name, request, answer})
	}
	return all, nil
}

// comment has somebody comment on the author's post, and returns the event.
func (n *network) comment(ctx context.Context, by belfry.Actor) (json.RawMessage, error) {
	n.mu.Lock()
	n.made++
	id := strconv.FormatInt(time.Now().UnixMilli(), 36) + "-" + strconv.Itoa(n.made)
	n.mu.Unlock()
	event := map[string]any{
		"commentId": id, "postId": 77, "postAuthorId": author().ID, "commenterId": by.ID, "commenterName": by.Name,
		"content": "Congratulations!", "createdAt": time.Now().UTC(),
	}
	if err := n.emit(ctx, topicComments, "77", event); err != nil {
		return nil, err
	}
	return json.Marshal(event)
}

func (n *network) emit(ctx context.Context, topic, key string, event any) error {
	value, err := json.Marshal(event)
	if err != nil {
		return fmt.Errorf("encode an event: %w", err)
	}
	if err := n.client.ProduceSync(ctx, &kgo.Record{Topic: topic, Key: []byte(key), Value: value}).FirstErr(); err != nil {
		return fmt.Errorf("write an event of %s: %w", topic, err)
	}
	return nil
}
