package kafka

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/inflate"
)

// Defaults of the group protocol. The heartbeat interval bounds how late a
// member notices a rebalance; the session time-out bounds how long a killed
// member's partitions stand still.
const (
	DefaultSessionTimeout = 10 * time.Second
	DefaultHeartbeat      = 500 * time.Millisecond
)

// rebalanceTimeout is how long a group waits for a member that still has
// writes under way to come along; then it goes on without it. A request to join
// is answered when all are there, so answers must be waited for longer.
const (
	RebalanceTimeout = 20 * time.Second
	readTimeout      = RebalanceTimeout + 5*time.Second
)

// Config is how to reach Kafka and where to keep local state.
type Config struct {
	Brokers []string // host:port, at least one

	// Prefix is that of the installation, which advice names; empty: advice names none.
	Prefix belfry.Prefix

	// StateDir holds the local stores of this process. Two processes cannot
	// share one: the second is refused by the store's lock.
	StateDir string

	TLS  *tls.Config // nil: plain text
	SASL SASL

	// SessionTimeout is how long a group waits for a member that is silent; 0
	// means DefaultSessionTimeout. Brokers take 6 s to 30 min by default.
	SessionTimeout time.Duration
	// InstanceID, if not empty, makes the process a static member of its groups
	// (KIP-345): it may be away for the session time-out before its partitions
	// move. No other process may have the same.
	InstanceID string

	// Version is that of the program; dead letters name it.
	Version string

	Logger *slog.Logger // nil: slog.Default

	// Outage, if not nil, is told by every part of the process that cannot reach
	// its brokers, and has it again.
	Outage *Outage
}

// SASL authenticates with the brokers; the zero value does not.
type SASL struct {
	Mechanism string // PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512
	User      string
	Password  string
}

// TopicsCommand is "belfry topics" as it runs for this installation, with more flags.
func (c *Config) TopicsCommand(more ...string) string {
	words := []string{"belfry topics"}
	if c.Prefix != "" {
		words = append(words, "--brokers", strings.Join(c.Brokers, ","), "--prefix", string(c.Prefix))
	}
	return strings.Join(append(words, more...), " ")
}

// missingError is about a topic that does not exist.
type missingError struct{ topic string }

func (e *missingError) Error() string { return fmt.Sprintf("%v: %s does not exist", ErrTopic, e.topic) }

func (e *missingError) Unwrap() error { return ErrTopic }

// Advised is err, with what an operator does about a topic that does not exist: a
// command creates those of ours.
func (c *Config) Advised(err error) error {
	var missing *missingError
	switch {
	case !errors.As(err, &missing):
		return err
	case c.Prefix != "" && !strings.HasPrefix(missing.topic, string(c.Prefix)):
		return fmt.Errorf("%w: check its name, or create it", err)
	}
	return fmt.Errorf("%w: create it with %q", err, c.TopicsCommand())
}

func (c *Config) Log() *slog.Logger {
	return cmp.Or(c.Logger, slog.Default())
}

// SaramaInflated is [Config.Sarama] for a consumer of what others produce: its
// fetches are decompressed within bounds, see package inflate.
func (c *Config) SaramaInflated() (*sarama.Config, error) {
	cfg, err := c.Sarama()
	if err != nil {
		return nil, err
	}
	cfg.Net.Proxy.Enable = true
	cfg.Net.Proxy.Dialer = &inflate.Dialer{TLS: c.TLS, Timeout: connectTimeout, KeepAlive: cfg.Net.KeepAlive}
	cfg.Net.TLS.Enable, cfg.Net.TLS.Config = false, nil // the dialer encrypts
	return cfg, nil
}

// Sarama returns a fresh configuration for what goka consumes by; all else is
// franz-go's. goka's builders write into the
// one they are given, so it must never be shared between two of them.
func (c *Config) Sarama() (*sarama.Config, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	cfg := goka.DefaultConfig()
	cfg.ClientID = "belfry"
	// The oldest protocol with topic IDs in the metadata.
	cfg.Version = sarama.V2_8_0_0

	cfg.Consumer.Offsets.Initial = sarama.OffsetOldest
	// A record that its producer rolls back was never said, whoever the producer is.
	cfg.Consumer.IsolationLevel = sarama.ReadCommitted
	cfg.Consumer.Group.Session.Timeout = cmp.Or(c.SessionTimeout, DefaultSessionTimeout)
	cfg.Consumer.Group.InstanceId = c.InstanceID
	cfg.Consumer.Group.Heartbeat.Interval = min(DefaultHeartbeat, cfg.Consumer.Group.Session.Timeout/3)
	// A join or a leave moves only the partitions that must move, so that local
	// stores stay warm. goka's own strategy deals out ranges anew each time; it
	// is for groups with several inputs, and ours have one.
	cfg.Consumer.Group.Rebalance.Strategy = nil
	cfg.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategySticky()}
	cfg.Consumer.Group.Rebalance.Timeout = RebalanceTimeout
	cfg.Net.DialTimeout, cfg.Net.ReadTimeout, cfg.Net.WriteTimeout = connectTimeout, readTimeout, 2*connectTimeout
	// A partition whose callbacks wait, for room among the dead letters say,
	// holds up what comes of the other partitions for twice this, once.
	cfg.Consumer.MaxProcessingTime = time.Second
	cfg.Consumer.Retry.Backoff = 200 * time.Millisecond
	cfg.Metadata.AllowAutoTopicCreation = false
	cfg.Metadata.Retry.Max = 10
	cfg.ChannelBufferSize = 1024

	if c.TLS != nil {
		cfg.Net.TLS.Enable = true
		cfg.Net.TLS.Config = c.TLS
	}
	c.SASL.apply(cfg)
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("kafka settings: %w", err)
	}
	return cfg, nil
}
